// One request: in the queue, made, stopped, refused, or lost.

import { ask, askMaybe, Gone, Refused } from "./api.js";
import { receive } from "./stream.js";

const LOOK = 1000; // milliseconds between two looks at the queue

export class Making {
  #leaving = new AbortController();
  #name = newName();
  #began = performance.now();

  /** `said(sentence)` tells how far it is, `first(clip)` comes with the first frames and what is known of the clip. */
  constructor(player, { said, first }) {
    Object.assign(this, { player, said, first, stopped: false, started: false });
  }

  /** Make what a form asks for, play it meanwhile, and return the clip. */
  async run(form) {
    form.set("job", this.#name);
    const looking = setInterval(() => this.#look(), LOOK);
    this.said("Waiting for the first frames.");
    try {
      const response = await ask("/v1/generate", { method: "POST", body: form, signal: this.#leaving.signal });
      clearInterval(looking);
      return await this.#take(response);
    } catch (error) {
      throw await this.#understood(error);
    } finally {
      clearInterval(looking);
    }
  }

  /** Stop the work, not only the picture. */
  stop() {
    this.stopped = true;
    this.#leaving.abort();
    ask(this.#path, { method: "DELETE", keepalive: true }).catch(() => {}); // it may have ended
  }

  get #path() {
    return `/v1/jobs/${this.#name}`;
  }

  async #take(response) {
    const { facts } = await (await ask(this.#path)).json();
    this.started = true;
    this.first({ path: this.#path, facts });
    const whole = await receive(response, this.player, facts, () => this.#tell(facts));
    const took = (performance.now() - this.#began) / 1000;
    const done = await this.#finished(facts);
    this.said(`Made in ${took.toFixed(1)} s, ${(facts.frames / facts.fps).toFixed(1)} s long.`);
    return { path: this.#path, facts: done, whole: URL.createObjectURL(whole), name: this.#name };
  }

  /** What is known only once the whole is there, as whose key signed it. */
  async #finished(facts) {
    try {
      return { ...facts, ...(await askMaybe(this.#path))?.facts };
    } catch {
      return facts; // the video is here; what is said of it may stay as it was
    }
  }

  /** Ask why a connection broke in the middle: the server says so, or is gone. */
  async #understood(error) {
    if (!(error instanceof TypeError)) return error;
    try {
      const told = await askMaybe(this.#path);
      return new Refused(told?.error ?? "The video ended too early; generate it again.", 500);
    } catch (gone) {
      return gone;
    }
  }

  #tell({ frames, fps }) {
    const { made, video } = this.player;
    const ahead = Math.max(0, made / fps - video.currentTime);
    const words = ahead > 0.1 ? `${ahead.toFixed(1)} s ahead of what plays` : "what plays waits for more";
    this.said(`Making: ${Math.round((100 * made) / frames)} %, ${words}.`);
  }

  async #look() {
    const told = await askMaybe(this.#path).catch(() => null);
    if (!told || this.started || this.stopped) return;
    if (told.state === "waiting" && told.place > 0) this.said(placeWords(told.place));
    else if (told.state === "making") this.said("Making the first frames.");
  }
}

/** Say in one sentence what there is of a video that was not finished. */
export function endWords(error, { stopped, started }) {
  const ended = stopped ? "Stopped." : error instanceof Gone ? "" : error.message;
  return started ? `${ended} What was made until then can be played.`.trim() : ended;
}

function placeWords(place) {
  return place === 1 ? "Busy: one video is made before yours." : `Busy: ${place} videos are made before yours.`;
}

function newName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
