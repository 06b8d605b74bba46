// The page of `signvip serve`: asks the API, and plays a video while it arrives.

const CODEC = 'video/mp4; codecs="avc1.42E01E"';
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
const at = (id) => document.getElementById(id);
const video = at("video");
let current = null; // the request that is made: its name, and how to leave it
let frame = 1 / 12; // seconds

function headers() {
  const token = at("token").value.trim();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function ask(path, options = {}) {
  const got = await fetch(path, { ...options, headers: headers() });
  if (!got.ok) {
    const told = await got.json().catch(() => ({}));
    throw new Error(told.detail || `The server answered ${got.status}; try again.`);
  }
  return got;
}

function say(sentence) {
  at("state").textContent = sentence;
}

// What the server knows

async function learn() {
  try {
    const health = await (await ask("/v1/health")).json();
    at("model").textContent = `model: ${health.model}, SignViP ${health.version}`;
    fillLanguages(await (await ask("/v1/languages")).json());
    await fillSigners(await (await ask("/v1/references")).json());
    say("");
  } catch (error) {
    say(error instanceof TypeError ? "The server does not answer; trying again." : error.message);
    if (error instanceof TypeError) setTimeout(learn, 3000);
  }
}

function fillLanguages(languages) {
  at("language").replaceChildren(...languages.map(({ code }) => new Option(languageName(code), code)));
}

function languageName(code) {
  if (code === "qaa") return "made-up signs of drawn figures";
  const name = new Intl.DisplayNames([navigator.language], { type: "language", fallback: "code" }).of(code);
  return name === code ? code : `${name} (${code})`;
}

async function fillSigners(signers) {
  const shown = await Promise.all(signers.map(signerChoice));
  if (shown.length) shown[0].querySelector("input").checked = true;
  at("signers").replaceChildren(...shown);
}

async function signerChoice({ name, picture }) {
  const [label, input, image] = ["label", "input", "img"].map((tag) => document.createElement(tag));
  Object.assign(input, { type: "radio", name: "signer", value: name });
  image.src = URL.createObjectURL(await (await ask(picture)).blob()); // an <img> sends no token
  image.alt = `Signer ${name}`;
  label.append(input, image);
  return label;
}

// Making

function readForm() {
  const form = new FormData(at("form"));
  for (const name of ["steps", "language"]) if (!form.get(name)) form.delete(name);
  if (at("reference").files.length) form.delete("signer");
  else form.delete("reference");
  return form;
}

async function make(event) {
  event.preventDefault();
  if (at("reference").files.length && !at("agreed").checked) {
    at("consent").hidden = false;
    at("agreed").focus();
    return say("A picture of a person needs that person's consent; confirm it, or choose a signer above.");
  }
  leave();
  const leaving = new AbortController();
  const name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const mine = (current = { name, leaving });
  const form = readForm();
  form.set("job", name);
  begin(form.get("text"));
  const watching = setInterval(() => tellPlace(mine), 1000);
  try {
    const got = await ask("/v1/generate", { method: "POST", body: form, signal: leaving.signal });
    clearInterval(watching);
    warn(JSON.parse(got.headers.get("Signvip-Warnings") || "[]"));
    await receive(got, JSON.parse(got.headers.get("Signvip-Frames")));
    await finish(name);
  } catch (error) {
    if (current === mine) say(error.name === "AbortError" ? "Stopped." : error.message);
  } finally {
    clearInterval(watching);
    if (current === mine) ended();
  }
}

function begin(text) {
  at("said").textContent = text;
  at("stop").disabled = false;
  at("make").disabled = true;
  at("mp4").hidden = at("json").hidden = true;
  at("ahead").value = 0;
  warn([]);
  say("Making the first frames.");
}

function ended() {
  current = null;
  at("stop").disabled = true;
  at("make").disabled = false;
}

function leave() {
  if (current) current.leaving.abort();
}

async function tellPlace(mine) {
  const told = await ask(`/v1/jobs/${mine.name}`).then((got) => got.json()).catch(() => null);
  if (told && current === mine && told.state === "waiting") say(`${told.place} before you in the queue.`);
}

function warn(sentences) {
  at("warnings").replaceChildren(
    ...sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })),
  );
}

// Playing what has arrived

async function receive(got, frames) {
  const pieces = [];
  const live = "MediaSource" in window && MediaSource.isTypeSupported(CODEC);
  const sink = live ? await openSink() : null;
  const reader = got.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value);
    if (!sink) continue;
    await append(sink.buffer, read.value);
    if (pieces.length === 1) video.play().catch(() => {});
    const made = video.buffered.length ? video.buffered.end(0) : 0;
    at("ahead").value = Math.min(1, made / (frames * frame));
    say(`Making: ${Math.round(at("ahead").value * 100)} percent.`);
  }
  if (sink) sink.source.endOfStream();
  const file = URL.createObjectURL(new Blob(pieces, { type: "video/mp4" }));
  if (!sink) {
    video.src = file;
    video.play().catch(() => {});
  }
  at("mp4").href = file;
  at("mp4").hidden = false;
  at("ahead").value = 1;
}

function openSink() {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  return new Promise((open) => {
    source.addEventListener("sourceopen", () => open({ source, buffer: source.addSourceBuffer(CODEC) }), { once: true });
  });
}

function append(buffer, piece) {
  return new Promise((done, fail) => {
    buffer.addEventListener("updateend", done, { once: true });
    buffer.addEventListener("error", () => fail(new Error("The video cannot be played here; save it instead.")), { once: true });
    buffer.appendBuffer(piece);
  });
}

async function finish(name) {
  const { facts } = await (await ask(`/v1/jobs/${name}`)).json();
  frame = 1 / facts.fps;
  at("json").href = URL.createObjectURL(new Blob([JSON.stringify(facts, null, 2)], { type: "application/json" }));
  at("json").hidden = false;
  at("origin").textContent = `${facts.notice} Mark in the pixels: ${facts.origin.mark.payload}. Run: ${facts.run}, seed ${facts.seed}.`;
  say(`Done: ${facts.frames} frames.`);
}

// Controls

function toggle() {
  if (video.paused) video.play().catch(() => {});
  else video.pause();
}

function step(count) {
  video.pause();
  video.currentTime = Math.max(0, video.currentTime + count * frame);
}

function changeSpeed(by) {
  const place = SPEEDS.indexOf(video.playbackRate) + by;
  setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place))]);
}

function setSpeed(speed) {
  video.playbackRate = video.defaultPlaybackRate = speed;
  at("speed").value = String(speed);
}

function setLoop(on) {
  video.loop = at("loop").checked = on;
}

const KEYS = {
  " ": toggle,
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ",": () => changeSpeed(-1),
  ".": () => changeSpeed(1),
  l: () => setLoop(!video.loop),
};

function press(event) {
  const typing = event.target.closest("textarea, input, select, button, a, summary");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
}

at("form").addEventListener("submit", make);
at("stop").addEventListener("click", leave);
at("play").addEventListener("click", toggle);
at("back").addEventListener("click", () => step(-1));
at("forth").addEventListener("click", () => step(1));
at("speed").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
at("loop").addEventListener("change", (event) => setLoop(event.target.checked));
at("reference").addEventListener("change", (event) => (at("consent").hidden = !event.target.files.length));
at("token").addEventListener("change", learn);
for (const kind of ["play", "pause", "ended"]) {
  video.addEventListener(kind, () => (at("play").textContent = video.paused ? "Play" : "Pause"));
}
document.addEventListener("keydown", press);
learn();
