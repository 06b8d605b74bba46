// The text with the letter or word that is signed now marked.

import { make } from "./dom.js";

/** Cut a text at what is signed: pieces of { text, place }, where place is null for what is between. */
export function cut(text, timing) {
  const pieces = [];
  let from = 0;
  timing.forEach((one, place) => {
    const found = text.toLowerCase().indexOf(one.text.toLowerCase(), from);
    if (found < 0) return pieces.push({ text: one.text, place }); // the model signs it in other words
    if (found > from) pieces.push({ text: text.slice(from, found), place: null });
    from = found + one.text.length;
    pieces.push({ text: text.slice(found, from), place });
  });
  if (from < text.length) pieces.push({ text: text.slice(from), place: null });
  return pieces;
}

/** Return the place in the timing that a second belongs to: the last that has begun, or -1. */
export function placeAt(timing, seconds) {
  let low = 0;
  let high = timing.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timing[middle].start <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The text below the video, and the table of its times: both mark the same place, and go to one when asked. */
export class Letters {
  constructor(line, table, go) {
    Object.assign(this, { line, table, go, timing: [], fps: 25, place: -1, buttons: [], rows: [] });
  }

  /** Show a text; without timing, in one piece. */
  show(text, timing, fps) {
    Object.assign(this, { timing, fps, place: -1, buttons: [], rows: [] });
    const single = timing.every((one) => [...one.text].length === 1);
    this.line.classList.toggle("spelled", single && timing.length > 0);
    this.line.replaceChildren(...words(cut(text, timing), (piece) => this.#button(piece)));
    this.rows = timing.map((one, place) => this.#row(one, place));
    this.table.replaceChildren(...this.rows);
    if (this.buttons.length) this.buttons[0].tabIndex = 0;
  }

  /** Mark what is signed at a frame. */
  mark(frame) {
    const seconds = (frame + 0.5) / this.fps;
    const begun = placeAt(this.timing, seconds);
    const place = begun >= 0 && seconds < this.timing[begun].end ? begun : -1;
    if (place === this.place) return;
    for (const shown of [this.buttons, this.rows]) {
      shown[this.place]?.removeAttribute("aria-current");
      shown[place]?.setAttribute("aria-current", "true");
    }
    if (place >= 0) this.#reach(place);
    this.place = place;
  }

  /** Go a letter or word on (1) or back (-1) from a frame. */
  step(by, frame) {
    if (!this.timing.length) return;
    const place = placeAt(this.timing, (frame + 0.5) / this.fps) + by;
    this.#goTo(Math.min(this.timing.length - 1, Math.max(0, place)));
  }

  get signed() {
    return this.timing[this.place]?.text ?? "";
  }

  #goTo(place) {
    this.go(Math.ceil(this.timing[place].start * this.fps - 0.5));
  }

  /** Let the keyboard reach the marked one alone: a long text is one stop, not hundreds. */
  #reach(place) {
    const focused = this.buttons.includes(document.activeElement);
    for (const button of this.buttons) button.tabIndex = -1;
    this.buttons[place].tabIndex = 0;
    if (focused) this.buttons[place].focus();
  }

  #button({ text, place }) {
    const button = make("button", { type: "button", tabIndex: -1, textContent: text });
    button.addEventListener("click", () => this.#goTo(place));
    this.buttons[place] = button;
    return button;
  }

  #row({ text, start, end }, place) {
    const button = make("button", { type: "button", className: "plain", textContent: text });
    button.addEventListener("click", () => this.#goTo(place));
    const numbers = [start.toFixed(2), end.toFixed(2), Math.round((end - start) * this.fps)];
    return make("tr", {}, make("th", { scope: "row" }, button), ...numbers.map((one) => make("td", { className: "number" }, `${one}`)));
  }
}

/** Keep the letters of a word on one line. */
function words(pieces, button) {
  const line = [];
  let word = null;
  for (const piece of pieces) {
    const space = piece.place === null && /\s/.test(piece.text);
    if (space) word = null;
    else if (!word) line.push((word = make("span", { className: "word" })));
    (word ?? { append: (text) => line.push(text) }).append(piece.place === null ? piece.text : button(piece));
  }
  return line;
}
