// Rows of videos that play as one: a button, a place on the line and keys for all of a row.
"use strict";

const SPEEDS = [0.25, 0.5, 1, 2];

class Row {
  constructor(section) {
    this.section = section;
    this.find = (name) => section.querySelector(name);
    this.fps = Number(section.dataset.fps);
    this.frames = Number(section.dataset.frames);
    this.panes = [...section.querySelectorAll(".pane")].map((pane) => new Pane(pane));
    this.boxes = JSON.parse(this.find(".boxes")?.textContent ?? "{}");
    this.frame = 0;
    this.began = null; // when it began to play, and from which frame, or null while it stands
    this.find(".controls").hidden = false;
    this.listen();
    this.show(0);
  }

  listen() {
    this.find(".play").addEventListener("click", () => this.toggle());
    this.find(".back").addEventListener("click", () => this.step(-1));
    this.find(".on").addEventListener("click", () => this.step(1));
    this.find(".place").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    this.find(".speed").addEventListener("change", () => this.began && this.play());
    this.find(".enlarge")?.addEventListener("change", (event) => this.enlarge(event.target.checked));
    for (const pane of this.panes) {
      pane.video.addEventListener("seeked", () => this.drawHands(pane));
      pane.video.addEventListener("loadeddata", () => this.drawHands(pane));
    }
  }

  get speed() { return Number(this.find(".speed").value); }
  get looped() { return this.find(".loop").checked; }

  toggle() { this.began ? this.stop() : this.play(); }

  play() {
    const from = this.frame >= this.frames - 1 ? 0 : this.frame;
    this.began = { at: performance.now(), frame: from, speed: this.speed };
    for (const pane of this.panes) pane.play(from, this.fps, this.speed);
    this.find(".play").textContent = "Pause";
    const round = this.began;
    const tick = (now) => {
      if (this.began !== round) return;
      const passed = from + (Math.max(0, now - round.at) / 1000) * this.fps * round.speed;
      if (passed >= this.frames) return this.ended();
      this.show(Math.floor(passed));
      for (const pane of this.panes) {
        pane.follow(passed / this.fps, 1.5 / this.fps, round.speed);
        this.drawHands(pane);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  ended() {
    if (this.looped) {
      this.frame = 0;
      return this.play();
    }
    this.seek(this.frames - 1);
  }

  stop() { this.seek(this.frame); }
  step(by) { this.seek(Math.min(this.frames - 1, Math.max(0, this.frame + by))); }

  seek(frame) {
    this.began = null;
    this.find(".play").textContent = "Play";
    for (const pane of this.panes) pane.seek(frame, this.fps);
    this.show(frame);
  }

  show(frame) {
    this.frame = frame;
    this.find(".place").value = frame;
    this.find(".told").textContent = `${frame + 1} / ${this.frames}`;
  }

  change(by) {
    const place = Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(this.speed) + by));
    this.find(".speed").value = String(SPEEDS[place]);
    if (this.began) this.play();
  }

  enlarge(on) {
    for (const pane of this.panes) pane.enlarge(on, pane.hands in this.boxes);
    for (const pane of this.panes) this.drawHands(pane);
  }

  drawHands(pane) { pane.drawHands(this.boxes[pane.hands], this.frame); }
}

class Pane {
  constructor(figure) {
    this.video = figure.querySelector("video");
    this.hands = figure.dataset.hands;
    this.parts = Number(figure.dataset.parts);
    this.part = 0;
    this.below = figure.querySelector(".hands");
    this.stage = figure.querySelector(".stage");
    this.stage.style.setProperty("--parts", this.parts);
    figure.querySelector(".part")?.addEventListener("change", (event) => {
      this.part = Number(event.target.value);
      this.stage.style.setProperty("--part", this.part);
      this.video.dispatchEvent(new Event("seeked"));
    });
  }

  // The middle of a frame, so that rounding shows no other; a shorter video waits at its last.
  seek(frame, fps) {
    this.video.pause();
    const last = Number.isFinite(this.video.duration) ? this.video.duration - 0.5 / fps : Infinity;
    this.video.currentTime = Math.max(0, Math.min((frame + 0.5) / fps, last));
  }

  play(frame, fps, speed) {
    this.video.playbackRate = speed;
    this.video.currentTime = frame / fps;
    if (frame / fps < (this.video.duration || Infinity)) this.video.play().catch(() => {});
  }

  // Players drift: one that is off by more than a frame is put back.
  follow(time, most, speed) {
    if (this.video.ended || this.video.seeking || time >= this.video.duration) return;
    if (Math.abs(this.video.currentTime - time) > most) this.video.currentTime = time;
    this.video.playbackRate = speed;
  }

  enlarge(on, known) {
    this.below.hidden = !on;
    if (!on || this.below.firstChild) return;
    this.below.append(document.createElement(known ? "canvas" : "p"));
    if (!known) this.below.firstChild.textContent = "This run has no pose head that says where the hands are.";
  }

  // Both hands side by side, each cut from the frame that is shown.
  drawHands(boxes, frame) {
    const canvas = this.below.hidden ? null : this.below.querySelector("canvas");
    if (!canvas || !boxes || !this.video.videoWidth) return;
    const [width, height] = [this.video.videoWidth / this.parts, this.video.videoHeight];
    const side = 192;
    if (canvas.width !== 2 * side) [canvas.width, canvas.height] = [2 * side, side];
    const brush = canvas.getContext("2d");
    brush.imageSmoothingEnabled = false;
    brush.clearRect(0, 0, canvas.width, canvas.height);
    (boxes[Math.min(frame, boxes.length - 1)] ?? []).forEach((box, hand) => {
      if (!box) return;
      const [x, y, w, h] = box.map((value, place) => (value / 1000) * (place % 2 ? height : width));
      brush.drawImage(this.video, x + this.part * width, y, w, h, hand * side, 0, side, side);
    });
  }
}

const rows = [...document.querySelectorAll(".clip")].map((section) => new Row(section));

// Keys act on the row that has the focus, else on the one in the middle of the window.
function rowOfKeys() {
  const own = rows.find((row) => row.section.contains(document.activeElement));
  if (own || document.activeElement !== document.body) return own;
  const middle = innerHeight / 2;
  const off = (row) => {
    const box = row.section.getBoundingClientRect();
    return Math.max(box.top - middle, middle - box.bottom, 0);
  };
  const nearest = rows.reduce((best, row) => (!best || off(row) < off(best) ? row : best), null);
  return nearest && off(nearest) < middle ? nearest : null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const focus = document.activeElement;
  const row = rowOfKeys();
  if (!row || focus.matches("select, textarea, a, summary")) return;
  const keys = {
    " ": () => row.toggle(),
    ArrowLeft: () => row.step(-1),
    ArrowRight: () => row.step(1),
    ",": () => row.change(-1),
    ".": () => row.change(1),
    l: () => row.find(".loop").click(),
  };
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const own = event.key === " " && focus.matches("button, input[type=checkbox]"); // which presses it already
  if (!act || own) return;
  event.preventDefault();
  act();
});
