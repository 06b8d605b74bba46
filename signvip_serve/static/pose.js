// The skeleton on a canvas, frame by frame.

const SHARP = 2; // dots of the canvas for each pixel of the page
const SURE = 0.1; // confidence below which a point is not drawn
const WIDTHS = { body: 3, face: 1.5, hand: 2 };

/** Draw one frame of a video's poses, as /v1/jobs/{name}/poses has them; over a picture, where one is given. */
export function draw(canvas, { size, points, names, limbs }, frame, picture) {
  const scale = ((canvas.clientWidth || 320) * SHARP) / size.width;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const pen = canvas.getContext("2d");
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const shown = points[frame] ?? [];
  const style = getComputedStyle(canvas);
  pen.lineCap = "round";
  for (const [from, to] of limbs) {
    if (!(shown[from]?.[2] > SURE && shown[to]?.[2] > SURE)) continue;
    const part = partOf(names[to]);
    pen.strokeStyle = style.getPropertyValue(`--${part}`);
    pen.lineWidth = WIDTHS[part] * SHARP;
    pen.beginPath();
    pen.moveTo(shown[from][0] * scale, shown[from][1] * scale);
    pen.lineTo(shown[to][0] * scale, shown[to][1] * scale);
    pen.stroke();
  }
}

function partOf(name) {
  if (name.startsWith("face_")) return "face";
  return name.includes("_hand_") ? "hand" : "body";
}
