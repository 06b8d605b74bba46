// What is shown of one clip beside the video: its text, its skeleton, its origin, its files.

import { askMaybe, save } from "./api.js";
import { at, make } from "./dom.js";
import { showOrigin } from "./origin.js";
import { draw } from "./pose.js";

let poses = null;

/** Show what is known of a clip as soon as its first frames are there: { path, facts, language }. */
export async function showClip(clip, letters) {
  const { facts } = clip;
  letters.show(facts.text ?? "", facts.timing ?? [], facts.fps);
  at("timed").textContent = timingWords(facts);
  at("times").parentElement.hidden = !facts.timing?.length;
  at("caption").textContent = captionOf(clip);
  showOrigin(facts);
  showPoses(facts.poses ? await askMaybe(`${clip.path}/poses`).catch(() => null) : null);
}

/** Offer the files of a clip that is whole. */
export function showFiles({ path, facts }) {
  const kinds = [["mp4", "video"], ...(facts.poses ? [[".pose", "pose"]] : []), ["JSON", "json"]];
  at("saves").replaceChildren(...kinds.map(([kind, part]) => link(`Save ${kind}`, `${path}/${part}`)));
}

/** Take the skeleton and the files of the clip before away. */
export function clear() {
  poses = null;
  at("posed").hidden = true;
  for (const name of ["unposed", "timed", "caption", "notice"]) at(name).textContent = "";
  at("times").parentElement.hidden = true;
  for (const name of ["saves", "origin"]) at(name).replaceChildren();
}

/** Draw the skeleton of a frame, where the poses can be seen. */
export function drawPose(frame, video) {
  if (poses && !at("view-pose").hidden) draw(at("pose"), poses, frame, at("over").checked ? video : null);
}

function showPoses(given) {
  poses = given;
  at("posed").hidden = !poses;
  at("unposed").textContent = poses ? "" : "This model reads no poses out, so there is no skeleton to show.";
}

function link(words, href) {
  const made = make("a", { href, download: "" }, words);
  made.addEventListener("click", (event) => {
    event.preventDefault(); // a link sends no token, and would save a refusal as a file
    save(href, `signing.${words.split(/[ .]+/).pop().toLowerCase()}`).catch((error) => (at("state").textContent = error.message));
  });
  return made;
}

function timingWords({ timing }) {
  if (!timing?.length) return "This model does not tell when each letter or word is signed.";
  const estimated = timing.some((one) => one.estimated);
  return estimated ? "Estimated: the model does not tell when it signs what, so a sentence's time is shared out evenly." : "";
}

function captionOf({ example, language }) {
  const parts = [example ? "An example of generated signing" : "Generated signing", language];
  return parts.filter(Boolean).join(", ");
}
