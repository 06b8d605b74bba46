// Keys that work anywhere but where somebody types.

const TYPED = "textarea, select, input:not([type='range'], [type='checkbox'])";
const PRESSED = "button, a, summary, input[type='checkbox']";
const KEPT = "signvip-keys";

/** Listen for keys, by their names; a name with a plus sign needs shift. `single` is the box that turns letters off. */
export function listen(keys, single) {
  single.checked = localStorage.getItem(KEPT) !== "off";
  single.addEventListener("change", () => localStorage.setItem(KEPT, single.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    const { key, shiftKey, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest(`${TYPED}, dialog`)) return;
    if (key === " " && target.closest(PRESSED)) return; // presses what has the focus
    if (key.startsWith("Arrow") && target.closest("[role='tablist']")) return;
    if (!key.startsWith("Arrow") && !single.checked) return;
    const call = keys[shiftKey && key.startsWith("Arrow") ? `Shift+${key}` : key.toLowerCase()] ?? keys[key];
    if (!call) return;
    event.preventDefault();
    call();
  });
}
