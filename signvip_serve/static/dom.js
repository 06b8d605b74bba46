// Elements by their id, and new ones.

export const at = (id) => document.getElementById(id);

/** Make an element: make("a", { href }, "words", otherElement). */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Write sentences as the items of a list. */
export function list(element, sentences) {
  element.replaceChildren(...sentences.map((sentence) => make("li", {}, sentence)));
}

/** Say something to screen readers alone. */
export function announce(sentence) {
  at("announced").textContent = sentence;
}

/** Call a function a while after the last of many calls. */
export function settle(call, milliseconds) {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(call, milliseconds);
  };
}
