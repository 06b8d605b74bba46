// Where a video comes from, in words.

import { at, make } from "./dom.js";

/** Say what is known of a clip's origin, given the facts of its sidecar. */
export function showOrigin(facts) {
  at("notice").textContent = facts.notice ?? "";
  const rows = [...verified(facts.origin ?? {}), ...Object.entries(described(facts))].filter(([, words]) => words);
  at("origin").replaceChildren(...rows.flatMap(([name, words]) => [make("dt", {}, name), make("dd", {}, words)]));
}

/** What `signvip verify` says, a line for each thing: "mark in the pixels: holds (payload 31a6)". */
function verified({ says = [] }) {
  const lines = says.slice(1).map((line) => line.trim()); // the first names the server's file
  return lines.map((line) => [capital(line.slice(0, line.indexOf(":"))), line.slice(line.indexOf(":") + 1).trim()]);
}

function described({ text, run, weights, seed, steps, reference, consent, where, signvip }) {
  return {
    Text: text,
    Model: run && [run, weights && `weights ${weights.slice(0, 12)}…`, signvip && `SignViP ${signvip}`].filter(Boolean).join(", "),
    Sampling: steps && `seed ${seed}, ${steps} steps`,
    Picture: reference && `SHA-256 ${reference.slice(0, 12)}…`,
    Consent: consentWords(consent),
    "To be shown": where,
  };
}

function consentWords(consent) {
  if (!consent || typeof consent === "string") return consent;
  return consent.file === "text" ? "stated by whoever sent the picture" : `record ${consent.file}, SHA-256 ${consent.sha256.slice(0, 12)}…`;
}

function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
