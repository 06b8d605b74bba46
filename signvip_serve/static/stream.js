// Plays an mp4 while it arrives.

const FALLBACK = "avc1.640028";

/** Take a response's pieces as they come, `took()` after each, and return the whole as a Blob. */
export async function receive(response, player, { frames, fps }, took) {
  const reader = response.body.getReader();
  const pieces = [];
  let sink = null;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      pieces.push(read.value);
      if (pieces.length === 1) sink = await open(read.value, player, frames, fps);
      if (!sink) continue;
      await sink.append(read.value);
      if (pieces.length === 1) player.play();
      took();
    }
  } finally {
    sink?.end(); // what is here can be played, whether or not the rest came
  }
  const whole = new Blob(pieces, { type: "video/mp4" });
  if (!sink) {
    player.load(URL.createObjectURL(whole), frames, fps);
    player.play();
  }
  return whole;
}

/** Return a place for pieces, or null where the browser plays whole files alone. */
async function open(first, player, frames, fps) {
  const kind = `video/mp4; codecs="${codecOf(first)}"`;
  const Source = window.ManagedMediaSource ?? window.MediaSource;
  if (!Source?.isTypeSupported(kind)) return null;
  const source = new Source();
  player.video.disableRemotePlayback = true; // what a managed source asks for
  player.load(URL.createObjectURL(source), frames, fps);
  await new Promise((opened) => source.addEventListener("sourceopen", opened, { once: true }));
  URL.revokeObjectURL(player.video.src);
  const buffer = source.addSourceBuffer(kind);
  source.duration = frames / fps;
  const end = () => {
    if (source.readyState === "open" && !buffer.updating) source.endOfStream();
  };
  return { append: (piece) => append(buffer, piece), end };
}

function append(buffer, piece) {
  return new Promise((done, fail) => {
    buffer.addEventListener("updateend", done, { once: true });
    buffer.addEventListener("error", () => fail(new Error("The video cannot be played here; save it instead.")), { once: true });
    buffer.appendBuffer(piece);
  });
}

/** Read profile and level of h264 from the beginning of an mp4 (ISO/IEC 14496-15, AVCDecoderConfigurationRecord). */
export function codecOf(bytes) {
  const name = [..."avcC"].map((letter) => letter.charCodeAt(0));
  for (let place = 0; place + 8 <= bytes.length; place++) {
    if (!name.every((code, offset) => bytes[place + offset] === code)) continue;
    const told = [...bytes.slice(place + 5, place + 8)].map((byte) => byte.toString(16).padStart(2, "0"));
    return `avc1.${told.join("")}`;
  }
  return FALLBACK;
}
