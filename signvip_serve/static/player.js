// The video by its frames: plays, steps, and tells which frame is shown.

export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];

export class Player {
  /** `shown(frame)` is called for each frame that appears, `changed()` when it begins, pauses, ends, or waits. */
  constructor(video, { shown, changed }) {
    this.video = video;
    this.shown = shown;
    this.fps = 25;
    this.frames = 0; // of the whole clip, once known
    this.frame = 0;
    for (const kind of ["play", "pause", "ended", "waiting", "playing", "emptied"]) video.addEventListener(kind, changed);
    video.addEventListener("seeked", () => this.#show(video.currentTime));
    video.addEventListener("ended", () => this.#show(video.duration));
    if ("requestVideoFrameCallback" in video) this.#watch();
    else video.addEventListener("timeupdate", () => this.#show(video.currentTime));
  }

  /** Seconds of the video that are here. */
  get here() {
    const { buffered } = this.video;
    return buffered.length ? buffered.end(buffered.length - 1) : 0;
  }

  /** Frames of the video that are here. */
  get made() {
    return Math.min(this.frames, Math.round(this.here * this.fps));
  }

  /** Show another clip, of so many frames. */
  load(address, frames, fps) {
    Object.assign(this, { frames, fps, frame: 0 });
    this.video.src = address;
  }

  play() {
    return this.video.play().catch(() => {}); // the browser may want a click first
  }

  toggle() {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  /** Pause at a frame; in its middle, so that no rounding shows another. */
  go(frame) {
    this.video.pause();
    const last = Math.max(0, this.made - 1);
    this.frame = Math.min(last, Math.max(0, frame));
    this.video.currentTime = (this.frame + 0.5) / this.fps;
    this.shown(this.frame);
  }

  get speed() {
    return this.video.playbackRate;
  }

  set speed(speed) {
    this.video.playbackRate = this.video.defaultPlaybackRate = speed;
  }

  /** Take the next speed up (1) or down (-1). */
  change(by) {
    const place = SPEEDS.indexOf(this.speed) + by;
    this.speed = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place))];
  }

  #watch() {
    this.video.requestVideoFrameCallback((now, { mediaTime }) => {
      this.#show(mediaTime);
      this.#watch();
    });
  }

  #show(seconds) {
    const last = Math.max(0, this.frames - 1);
    this.frame = Math.min(last, Math.floor(seconds * this.fps + 0.01)); // times are rounded to the file's clock
    this.shown(this.frame);
  }
}
