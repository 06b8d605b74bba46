// Asks once, before the first picture: who may be shown, and where it is to be shown.

import { askJson } from "./api.js";
import { at, make } from "./dom.js";

const KEPT = "signvip-consent";
const STATED = "Whoever sent this picture says that the person in it agreed.";
const WORDS = {
  recorded: "Recorded, where little depends on it",
  live: "Live, or where people answer",
  education: "Teaching",
  medical: "Health",
  legal: "Law, money or work",
  emergency: "Warnings and emergencies",
  other: "Somewhere else",
};

let record = null; // the file, which no tab keeps: it is asked for again after a reload

/** Return the answers, { consent, where }, or null where nobody was asked yet. */
export function consented() {
  const where = sessionStorage.getItem(KEPT);
  return where === null ? null : { consent: record ?? STATED, where };
}

/** Ask, unless it was answered; resolves to whether there is consent. */
export async function askConsent() {
  if (consented()) return true;
  if (!at("places").children.length) await learnPlaces();
  at("consent").showModal();
  if ((await answer()) !== "agreed") return false;
  [record = null] = at("record").files;
  sessionStorage.setItem(KEPT, document.querySelector("#places input:checked").value);
  return true;
}

/** Wait for the button that is pressed; not for `close`, which comes when the page may already be asked again. */
function answer() {
  const dialog = at("consent");
  return new Promise((answered) => {
    dialog.onsubmit = ({ submitter }) => answered(submitter.value);
    dialog.oncancel = () => answered("cancelled");
  });
}

async function learnPlaces() {
  const uses = await askJson("/v1/uses");
  at("places").append(...uses.map(({ use, advice }) => place(use, advice)));
}

function place(use, advice) {
  const input = make("input", { type: "radio", name: "where", value: use, required: true });
  input.addEventListener("change", () => (at("advice").textContent = advice));
  return make("label", { className: "inline" }, input, WORDS[use] ?? use);
}
