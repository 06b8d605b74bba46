// The page of `signvip serve`: puts its parts together.

import { ask, askJson, askMaybe, Gone, Refused, setToken } from "./api.js";
import { clear, drawPose, showClip, showFiles } from "./clip.js";
import { askConsent, consented } from "./consent.js";
import { announce, at } from "./dom.js";
import { chosenPicture, languageOf, hasOwn, learn, readForm, refuse, showOwn } from "./form.js";
import { listen } from "./keys.js";
import { Letters } from "./letters.js";
import { endWords, Making } from "./making.js";
import { Player } from "./player.js";
import { setUpTabs } from "./tabs.js";

const LAST = "signvip-last";
const EXAMPLE = "example"; // the job that a server begins with
const SOON = 500; // milliseconds until an example that is being made is looked for again
const AGAIN = 3000; // milliseconds until a server that is gone is asked again
const video = at("video");
const player = new Player(video, { shown, changed });
const letters = new Letters(at("said"), at("times").tBodies[0], (frame) => player.go(frame));
let clip = null; // what is shown
let making = null;

// Showing

function shown(frame) {
  letters.mark(frame);
  drawPose(frame, video);
  at("seek").value = frame;
  at("seek").setAttribute("aria-valuetext", placeWords());
  at("position").textContent = player.frames ? `frame ${frame + 1} of ${player.frames}` : "";
  showTrack();
}

function changed() {
  const word = !video.paused ? "Pause" : video.ended ? "Replay" : "Play";
  at("play").setAttribute("aria-label", word);
  at("play").querySelector("use").setAttribute("href", video.paused ? "#icon-play" : "#icon-pause");
}

function showTrack() {
  at("seek").max = Math.max(0, player.frames - 1);
  const share = (frame) => `${(100 * Math.max(0, frame)) / Math.max(1, player.frames - 1)}%`;
  at("track").style.setProperty("--played", share(player.frame));
  at("track").style.setProperty("--made", share(player.made - 1));
}

function placeWords() {
  const signed = letters.signed && `, ${letters.signed}`;
  return `frame ${player.frame + 1} of ${player.frames}${signed}`;
}

function say(sentence) {
  at("state").textContent = sentence;
}

/** Show a whole clip from its file, still unless it is to play. */
async function showWhole(next, { play }) {
  clip = next;
  video.removeAttribute("poster");
  player.load(clip.whole, clip.facts.frames, clip.facts.fps);
  showFiles(clip);
  await showClip(clip, letters);
  shown(0);
  if (play) player.play();
}

/** What is there before anything was made: the last video of this tab, or an example that plays at once. */
async function showFirst() {
  const kept = sessionStorage.getItem(LAST);
  const last = kept && (await found(kept));
  if (last) return showWhole(last, { play: false });
  video.poster = chosenPicture();
  return showExample();
}

/** Show the video that the server began with, or wait for it where it has only just begun. */
async function showExample() {
  if (making || clip || !chosenPicture()) return;
  const example = await found(EXAMPLE).catch(() => null);
  if (making || clip) return;
  if (example === undefined) return setTimeout(showExample, SOON);
  if (example) await showWhole({ ...example, example: true }, { play: true });
}

/** Return a clip that the server still has; undefined where it is not made yet, null where there is none. */
async function found(name) {
  const path = `/v1/jobs/${name}`;
  const told = await askMaybe(path);
  if (told?.state !== "done") return ["waiting", "making"].includes(told?.state) ? undefined : null;
  const whole = URL.createObjectURL(await (await ask(`${path}/video`)).blob()); // a <video> sends no token
  return { path, name, facts: told.facts, whole, language: languageOf(told.facts) };
}

// Making

async function generate(event) {
  event.preventDefault();
  refuse("");
  if (hasOwn() && !consented() && !(await askConsent())) {
    return refuse("A picture of a person needs that person's consent; confirm it, or choose another signer.");
  }
  making?.stop();
  const mine = (making = new Making(player, { said: (told) => mine === making && say(told), first: showBegun }));
  const before = clip;
  const form = readForm();
  showAsked(String(form.get("text")));
  try {
    clip = { ...(await mine.run(form)), language: clip.language };
    sessionStorage.setItem(LAST, clip.name);
    showFiles(clip);
    await showClip(clip, letters);
  } catch (error) {
    if (mine === making) ended(error, mine, before);
  } finally {
    if (mine === making) {
      making = null;
      at("stop").hidden = true;
      shown(player.frame);
    }
  }
}

/** Show what was asked for, until its first frames are there. */
function showAsked(text) {
  video.removeAttribute("src");
  video.load();
  video.poster = chosenPicture();
  letters.show(text, [], 1);
  clear();
  at("stop").hidden = false;
  player.frames = player.frame = 0;
  shown(0);
  if (at("form").offsetTop > video.offsetTop + video.offsetHeight) video.scrollIntoView({ block: "nearest" });
}

function showBegun(begun) {
  clip = { ...begun, language: languageOf(begun.facts) };
  showClip(clip, letters);
}

/** Say why there is no video, and show the one before where nothing of this one is there. */
function ended(error, mine, before) {
  if (error instanceof Refused) {
    refuse(error.message);
    say("");
    at(error.status === 401 ? "token" : "make").focus();
  } else {
    say(endWords(error, mine));
    if (error instanceof Gone) awaitServer(); // which says so
  }
  video.pause();
  if (!mine.started && before) showWhole(before, { play: false });
}

// The server

async function begin() {
  const health = await askJson("/v1/health");
  at("model").textContent = `model: ${health.model}, SignViP ${health.version}`;
  await learn();
  await showFirst();
}

/** Begin, as soon as there is a server that answers. */
async function meet() {
  try {
    await begin();
    at("gone").textContent = "";
  } catch (error) {
    if (error.status === 401) return askToken(error);
    at("gone").textContent = error.message;
    if (error instanceof Gone) setTimeout(meet, AGAIN);
  }
}

async function awaitServer() {
  at("gone").textContent = new Gone().message;
  try {
    await askJson("/v1/health");
    at("gone").textContent = "";
    say("The server is back; generate again.");
  } catch {
    setTimeout(awaitServer, AGAIN);
  }
}

function askToken(error) {
  refuse(error.message);
  at("options").open = true;
  at("secret").hidden = false;
  at("token").focus();
}

// Controls

function setSpeed(call) {
  call();
  at("speed").value = String(player.speed);
  announce(`Speed ${player.speed}`);
}

function setLoop() {
  video.loop = !video.loop;
  at("loop").setAttribute("aria-pressed", String(video.loop));
  announce(video.loop ? "Loop on" : "Loop off");
}

function step(move) {
  move();
  announce(placeWords());
}

const back = () => step(() => player.go(player.frame - 1));
const forth = () => step(() => player.go(player.frame + 1));
listen(
  {
    " ": () => player.toggle(),
    ArrowLeft: back,
    ArrowRight: forth,
    "Shift+ArrowLeft": () => step(() => letters.step(-1, player.frame)),
    "Shift+ArrowRight": () => step(() => letters.step(1, player.frame)),
    ",": () => setSpeed(() => player.change(-1)),
    ".": () => setSpeed(() => player.change(1)),
    l: setLoop,
  },
  at("single"),
);
at("play").addEventListener("click", () => player.toggle());
at("start").addEventListener("click", () => step(() => player.go(0)));
at("back").addEventListener("click", back);
at("forth").addEventListener("click", forth);
at("loop").addEventListener("click", setLoop);
at("speed").addEventListener("change", () => setSpeed(() => (player.speed = Number(at("speed").value))));
at("seek").addEventListener("input", () => player.go(Number(at("seek").value)));
video.addEventListener("click", () => player.toggle());
video.addEventListener("progress", showTrack);
at("stop").addEventListener("click", () => making?.stop());
const redraw = () => drawPose(player.frame, video);
at("over").addEventListener("change", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", redraw);
at("form").addEventListener("submit", generate);
at("upload").addEventListener("click", async () => (await askConsent()) && at("reference").click());
at("reference").addEventListener("change", showOwn);
at("token").addEventListener("change", () => (setToken(at("token").value), refuse(""), meet()));
setUpTabs(document.querySelector("[role='tablist']"), redraw);
clear();
meet();
