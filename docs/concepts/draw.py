"""Draw the ten pictures of this folder's page from the embedded model and a clip that training never saw.

python docs/concepts/draw.py        # minutes on one core; writes docs/images/concepts/
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import adaptive_avg_pool2d

import signvip
from signvip.contracts import Clip
from signvip.data.manifest import Manifest
from signvip.data.pixels import to_model
from signvip.generate import embedded_run
from signvip.models import ConditionEncoder
from signvip.run import Run
from signvip.sampling.windows import windows

OUT = Path(__file__).parents[1] / "images" / "concepts"
SIDE, GAP, LINE = 128, 8, 20  # pixels: a picture, the space between, a line of text
INK, PAPER, GREY, ACCENT = "#1a1a1a", "#ffffff", "#767676", "#0b5c8a"
FONT, SMALL = ImageFont.load_default(14), ImageFont.load_default(11)
CLIP, SEED = "names-ase-test-00000", 0  # a clip that travels with the model
OTHERS = ("names-lexicon-signer-test-000", "names-lexicon-signer-test-002")
Row = tuple[str, list[Image.Image]]  # a label, and what stands beside it


def sheet(name: str, rows: list[Row], side: int = SIDE) -> None:
    """Write rows of pictures under their labels as a PNG of few colours."""
    width = max(sum(picture.width + GAP for picture in pictures) for _, pictures in rows) + GAP
    heights = [LINE + max(picture.height for picture in pictures) + GAP for _, pictures in rows]
    canvas = Image.new("RGB", (max(width, 360), sum(heights) + GAP), PAPER)
    draw, top = ImageDraw.Draw(canvas), GAP
    for (label, pictures), height in zip(rows, heights, strict=True):
        draw.text((GAP, top), label, INK, FONT)
        left = GAP
        for picture in pictures:
            canvas.paste(picture, (left, top + LINE))
            left += picture.width + GAP
        top += height
    canvas.quantize(64, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def picture(pixels: np.ndarray) -> Image.Image:
    """Enlarge a frame (H, W, 3) uint8 without inventing anything."""
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def heat(values: torch.Tensor, span: float | None = None) -> Image.Image:
    """Draw a map (h, w): blue is negative, white is nothing, red is positive."""
    values = values.float() / (span or float(values.abs().amax()) or 1.0)
    values = values.clamp(-1, 1)
    fade = 1 - values.abs()
    colours = torch.stack([torch.where(values > 0, 1, fade), fade, torch.where(values < 0, 1, fade)], -1)
    return picture((colours * 255).byte().numpy())


def words(text: str, width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Write a few words into a frame of their own."""
    canvas = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, width - 1, height - 1), outline=GREY)
    lines: list[str] = []
    line = ""
    for word in text.split():
        if draw.textlength(f"{line} {word}", FONT) > width - 2 * GAP:
            lines, line = [*lines, line], word
        else:
            line = f"{line} {word}".strip()
    draw.multiline_text((GAP, GAP), "\n".join([*lines, line]), INK, FONT)
    return canvas


def grid(numbers: torch.Tensor, colour: torch.Tensor | None = None) -> Image.Image:
    """Write whole numbers (h, w) into cells, shaded by `colour` in [0, 1]."""
    rows, columns = numbers.shape
    cell = SIDE // columns
    canvas = Image.new("RGB", (cell * columns, cell * rows), PAPER)
    draw = ImageDraw.Draw(canvas)
    for y in range(rows):
        for x in range(columns):
            shade = 255 - int(120 * float(colour[y, x])) if colour is not None else 255
            box = (x * cell, y * cell, (x + 1) * cell - 1, (y + 1) * cell - 1)
            draw.rectangle(box, fill=(shade, shade, 255), outline=GREY)
            draw.text(
                (box[0] + cell / 2, box[1] + cell / 2), str(int(numbers[y, x])), INK, SMALL, anchor="mm"
            )
    return canvas


class Scene:
    """The embedded model, a clip of the test split, its conditions, and what is made of them."""

    def __init__(self) -> None:
        run = Run.open(embedded_run())
        self.size = run.config.size
        made_of = Manifest.read(run.clips)
        reader = signvip.build("dataset", run.config.dataset.name, **made_of.dataset_options)
        self.clip: Clip = reader.load("test", CLIP)
        self.others = [reader.portrait(signer) for signer in OTHERS]
        self.reference = reader.portrait(self.clip.signer)
        self.pipe = signvip.SignVipPipeline.from_pretrained(embedded_run()).to("cpu")
        self.pipe.set_progress_bar_config(disable=True)
        encoder = run.load("condition_encoder", ConditionEncoder)
        self.drawn = {name: self.draw_condition(name) for name in (*run.config.conditions, "depth")}
        stacked = np.concatenate([self.drawn[name] for name in run.config.conditions], axis=-1)
        with torch.no_grad():
            self.e = encoder(to_model(torch.tensor(stacked).permute(0, 3, 1, 2)))  # (F, C, h, w)
            self.tokens = self.pipe.translate([self.clip.text], language=self.clip.language)[0]  # (F, N)
            self.written = self.guide(self.reference)

    @torch.no_grad()
    def guide(self, reference: np.ndarray) -> torch.Tensor:
        """Return what guides the video of the tokens by the signer of a picture."""
        return self.pipe.guide(self.pipe.embed(self.tokens), reference)

    def part(self, written: torch.Tensor) -> torch.Tensor:
        """Return what is written from the middle on, as much as the denoiser sees at once: it is the quickest."""
        start = max(0, (len(written) - self.pipe.config["window"]) // 2)
        return written[start : start + self.pipe.config["window"]]

    def draw_condition(self, name: str) -> np.ndarray:
        condition = signvip.build("condition", name)
        return condition.draw(condition.extract(self.clip), self.size)

    def video(self, e: torch.Tensor, reference: np.ndarray) -> list[np.ndarray]:
        latents = self.pipe.denoise(e, reference, generator=torch.Generator().manual_seed(SEED))
        return self.pixels(latents)

    def pixels(self, latents: torch.Tensor) -> list[np.ndarray]:
        frames = torch.cat(list(self.pipe.decode(latents)))
        return list(((frames + 1) * 127.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def some(frames: list[np.ndarray] | np.ndarray, count: int = 5) -> list[Image.Image]:
    """Choose frames that are evenly apart, without the rest at the two ends."""
    return [picture(frames[int(place)]) for place in np.linspace(len(frames) * 0.2, len(frames) * 0.8, count)]


def draw_all(scene: Scene) -> None:
    """Write the ten pictures, in the order of the page."""
    clip, e = scene.clip, scene.e
    middle = len(e) // 2
    made = scene.video(scene.written, scene.reference)
    sheet("1-whole", [("in: a text, and a picture", [words(clip.text, 2 * SIDE), picture(scene.reference)]),
                      ("out: a video", some(made))])  # fmt: skip
    sheet("2-conditions", [("in: a clip", some(clip.frames)),
                           *((f"out: {name}", some(drawn)) for name, drawn in scene.drawn.items())])  # fmt: skip
    strongest = strongest_channels(e[middle])
    given = [picture(scene.drawn[name][middle]) for name in list(scene.drawn)[:2]]
    maps = [heat(e[middle, channel]) for channel in strongest]
    sheet("3-encoder", [("in: conditions of a frame", given),
                        (f"out: embeddings e, {len(maps)} of {e.shape[1]} channels", maps)])  # fmt: skip
    part = scene.part(scene.written)
    blind, seeing = (scene.video(given, scene.reference) for given in (torch.zeros_like(part), part))
    sheet("4-guider", [("without embeddings: nobody says how to move", some(blind)),
                       ("with the embeddings of the text", some(seeing))])  # fmt: skip
    signers = (scene.reference, *scene.others)
    videos = [scene.video(scene.part(scene.guide(who)), who) for who in signers]
    rows = [("in: a picture; out: the same signing", [picture(who), *some(video, 3)])
            for who, video in zip(signers, videos, strict=True)]  # fmt: skip
    sheet("5-reference", rows)
    draw_denoising(scene)
    draw_tokens(scene, middle, strongest)
    draw_translation(scene)
    draw_windows()


def strongest_channels(e: torch.Tensor, most: int = 3) -> torch.Tensor:
    """Return the channels of e (C, h, w) that vary most, of the pose's half and of the hands' half."""
    pose, hands = e.flatten(1).std(1).chunk(2)
    return torch.cat([pose.argsort(descending=True)[:most], hands.argsort(descending=True)[:2] + len(pose)])


def draw_denoising(scene: Scene) -> None:
    """Write what the latents of one frame look like as noise leaves them."""
    kept: list[torch.Tensor] = []

    def keep(
        pipe: object, step: int, timestep: object, values: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        kept.append(values["latents"].clone())
        return values

    noise = torch.Generator().manual_seed(SEED)
    part = scene.part(scene.written)
    middle = len(part) // 2
    scene.pipe.denoise(
        part, scene.reference, num_inference_steps=4, generator=noise, callback_on_step_end=keep
    )
    shown = [latents[0] if latents.ndim == 5 else latents for latents in kept]
    seen = [picture(scene.pixels(latents[middle : middle + 1])[0]) for latents in shown]
    sheet("6-denoiser", [(f"one frame after step 1 to {len(seen)}", seen)])


def draw_tokens(scene: Scene, frame: int, channels: torch.Tensor) -> None:
    """Write what the autoencoder keeps of an embedding, and how FSQ makes tokens of it."""
    tokenizer, e = scene.pipe.autoencoder, scene.e[frame : frame + 1]
    with torch.no_grad():
        quantized = tokenizer.encode(e)
        back = tokenizer.decode(quantized.tokens)
        z = adaptive_avg_pool2d(tokenizer.encoder(tokenizer.standardise(e)), tokenizer.token_grid)[0]
    span = float(e[0, channels].abs().amax())
    sheet("7-autoencoder", [("in: embeddings e", [heat(e[0, c], span) for c in channels]),
                            (f"between: {quantized.tokens[0].numel()} tokens, {len(z)} numbers each",
                             [heat(channel) for channel in z]),
                            ("out: embeddings again", [heat(back[0, c], span) for c in channels])])  # fmt: skip
    codes = quantized.codes[0]
    levels = [2 * (channel + 1) for channel in codes]  # codes are presented in [-1, 1]
    sheet("8-fsq", [("in: four channels z", [heat(channel) for channel in z]),
                    ("rounded to levels 0 to 4", [grid(level.round(), level / 4) for level in levels]),
                    ("out: tokens, a + 5b + 25c + 125d", [grid(quantized.tokens[0])])])  # fmt: skip


def draw_translation(scene: Scene) -> None:
    """Write the tokens of a text: a row of colours for each of the N places, a column for each frame."""
    tokens = scene.tokens.T.float() / (scene.pipe.autoencoder.vocab_size - 1)
    wheel = Image.fromarray(
        (np.stack([tokens * 255, tokens * 0 + 150, tokens * 0 + 220], -1)).astype(np.uint8), "HSV"
    )
    cell = min(8, 640 // tokens.shape[1])
    bars = wheel.convert("RGB").resize((tokens.shape[1] * cell, len(tokens) * cell), Image.Resampling.NEAREST)
    said = f"out: tokens d of {tokens.shape[1]} frames, {len(tokens)} a frame, then [EOS]"
    sheet("9-translator", [("in: a text", [words(scene.clip.text, 360, 3 * LINE)]), (said, [bars])])


def draw_windows(frames: int = 60, length: int = 24, overlap: int = 4) -> None:
    """Write which frames are denoised together, by the paper's window and overlap."""
    scale, parts = 10, windows(frames, length, overlap)
    canvas = Image.new("RGB", (frames * scale, len(parts) * 2 * LINE), PAPER)
    draw = ImageDraw.Draw(canvas)
    for row, part in enumerate(parts):
        top = row * 2 * LINE
        draw.rectangle((part[0] * scale, top, (part[-1] + 1) * scale - 1, top + LINE), fill=ACCENT)
        draw.text((part[0] * scale + GAP, top + 3), f"frames {part[0]} to {part[-1]}", PAPER, FONT)
    sheet("10-windows", [(f"{frames} frames in windows of {length} that share at least {overlap}", [canvas])])


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    draw_all(Scene())
