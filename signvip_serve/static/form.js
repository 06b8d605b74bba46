// What is asked for: text, language, signer, options; and what the model does not know of them, before it is made.

import { ask, askJson, askMaybe, Refused } from "./api.js";
import { consented } from "./consent.js";
import { at, list, make, settle } from "./dom.js";
import { languageWords } from "./languages.js";

const KEPT = "signvip-form";
const PAUSE = 400; // milliseconds after the last key, until the server is asked
const OWN = ""; // the value of the picture that somebody brings

let asked = 0; // checks so far: an answer that another has overtaken is not shown

export async function learn() {
  const [languages, signers] = await Promise.all([askJson("/v1/languages"), askJson("/v1/references")]);
  at("language").replaceChildren(...languages.map((one) => new Option(languageWords(one), one.code)));
  at("language").closest(".field").hidden = languages.length === 0;
  at("signers").replaceChildren(...(await Promise.all(signers.map(async ({ name, picture }) => tile(name, await pictureOf(picture))))));
  restore();
  check();
}

/** Return the form as the server reads it. */
export function readForm() {
  const form = new FormData(at("form"));
  for (const name of ["steps", "language"]) if (!form.get(name)) form.delete(name);
  const [own] = at("reference").files;
  if (form.get("signer") === OWN && own) {
    form.set("reference", own);
    for (const [name, value] of Object.entries(consented() ?? {})) form.set(name, value);
  }
  if (!form.get("signer")) form.delete("signer");
  return form;
}

/** Whether the picture that somebody brought is chosen. */
export function hasOwn() {
  return new FormData(at("form")).get("signer") === OWN && at("reference").files.length > 0;
}

/** The picture of the chosen signer, to show until the first frame is there. */
export function chosenPicture() {
  return document.querySelector("#signers input:checked")?.closest("label").querySelector("img").src ?? "";
}

/** Name the sign language of a clip. */
export function languageOf({ language }) {
  return [...at("language").options].find((one) => one.value === language)?.label ?? "";
}

export function refuse(sentence) {
  at("refused").textContent = sentence;
}

// Signers

async function pictureOf(path) {
  return URL.createObjectURL(await (await ask(path)).blob()); // an <img> sends no token
}

function tile(name, picture) {
  const input = make("input", { type: "radio", name: "signer", value: name });
  const words = name === OWN ? "Your picture" : `Signer ${name.replaceAll("-", " ")}`;
  return make("label", { className: "tile" }, input, make("img", { src: picture, alt: words }));
}

/** Show the picture that somebody brought as one more signer, and choose it. */
export function showOwn() {
  const [own] = at("reference").files;
  document.querySelector(`#signers input[value="${OWN}"]`)?.closest("label").remove();
  if (own) at("signers").append(tile(OWN, URL.createObjectURL(own)));
  choose(own ? OWN : null);
  check();
}

function choose(name) {
  const inputs = [...document.querySelectorAll("#signers input")];
  const chosen = inputs.find((one) => one.value === name) ?? inputs[0];
  if (chosen) chosen.checked = true;
}

// What the model does not know

const check = settle(async () => {
  const mine = ++asked;
  const form = readForm();
  const text = String(form.get("text")).trim();
  const told = text || hasOwn() ? await learnConcerns(form) : { text: [], picture: [] };
  if (mine !== asked) return;
  list(at("concerns"), told.text);
  list(at("doubts"), told.picture);
  at("estimate").textContent = told.seconds ? `about ${Math.max(1, Math.round(told.seconds))} s` : "";
}, PAUSE);

/** Ask about the text alone, then with the picture: what comes on top is about the picture. */
async function learnConcerns(form) {
  const picture = form.get("reference");
  form.delete("reference");
  const text = await concernsOf(form);
  if (!picture) return { ...text, text: text.sentences, picture: [] };
  form.set("reference", picture);
  const both = await concernsOf(form);
  return { ...text, text: text.sentences, picture: both.sentences.filter((one) => !text.sentences.includes(one)) };
}

async function concernsOf(form) {
  try {
    const told = await askMaybe("/v1/check", { method: "POST", body: form });
    return { sentences: told?.warnings ?? [], seconds: told?.seconds };
  } catch (error) {
    if (error instanceof Refused) refuse(error.message);
    return { sentences: [] };
  }
}

// A reload keeps what was typed

function keep() {
  const { text, language, seed, steps, signer } = Object.fromEntries(new FormData(at("form")));
  sessionStorage.setItem(KEPT, JSON.stringify({ text, language, seed, steps, signer }));
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
  for (const name of ["text", "seed", "steps"]) if (kept[name] && !at(name).value.trim()) at(name).value = kept[name];
  if ([...at("language").options].some((one) => one.value === kept.language)) at("language").value = kept.language;
  choose(kept.signer || null);
}

at("form").addEventListener("input", () => {
  keep();
  refuse("");
  check();
});
