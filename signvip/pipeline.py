"""Text and a reference picture in, a signing video out: Eq. 4, as a diffusers pipeline.

Annotations are not strings here, nor Literals: diffusers 0.35 reads those of a pipeline's constructor as types.
"""

import json
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from diffusers.utils import BaseOutput
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from signvip.config import RunConfig
from signvip.contracts import KEYPOINTS, Config
from signvip.data.images import load_reference
from signvip.data.likeness import Likeness
from signvip.data.people import doubts_about
from signvip.data.pixels import to_model, to_pixels
from signvip.errors import ConfigError, MismatchError, RunError, SignVipWarning, UnseenWarning
from signvip.models import Codec, PoseHead, TokenTranslator, VideoDenoiser
from signvip.models.denoising import INDEXED, read_denoiser
from signvip.models.knowledge import Seen
from signvip.models.vae import decode_latents, encode_images
from signvip.run import MAKERS, Run
from signvip.sampling.arguments import (
    check_callback,
    check_output_type,
    check_sampling,
    check_tokens,
    generators_of,
    languages_of,
    latents_of,
    real,
    references_of,
    texts_of,
    whole,
)
from signvip.sampling.in_order import sample_in_order
from signvip.sampling.options import OF_A_PIPELINE, Sampler, sampler_options
from signvip.sampling.sampler import make_scheduler, refuse_other_schedule, sample
from signvip.settings import FIRST_DENOISER, Rate, Side, explain
from signvip.storage import fits
from signvip.storage.files import write_text
from signvip.storage.loading import INDEX, SCHEDULE, check_part, load_part, load_scheduler, read_index

MODELS = ("vae", "denoiser", "autoencoder", "translator")
# What each part of a stored pipeline is or derives from; any other class is refused before it is imported.
BASES = {
    "vae": AutoencoderKL,
    "denoiser": VideoDenoiser,
    "autoencoder": Codec,
    "translator": TokenTranslator,
    "pose_head": PoseHead,
}
SCHEDULERS = (*KarrasDiffusionSchedulers.__members__, "LCMScheduler")
Reference = Image.Image | np.ndarray | str | Path
StepCallback = Callable[["SignVipPipeline", int, Tensor, dict[str, Tensor]], Mapping[str, Tensor] | None]
DECODE_CHUNK = 8  # frames that the VAE decodes together


@dataclass
class SignVipOutput(BaseOutput):
    """`frames` as asked by `output_type`, and the `tokens` (F, N) they were made from; lists for several texts.

    `poses` (F, 128, 3) float32, on the CPU: x and y in pixels of the frames, confidence; all zeros where a point is
    unseen, and None where the run has no pose head. `pose_points` are the names of the 128 points.
    `warnings` are sentences: what of the text this run never saw, and whether the reference may show nobody.
    """

    frames: Any
    tokens: Any
    poses: Any = None
    pose_points: tuple[str, ...] = KEYPOINTS
    warnings: Any = ()


class SignVipPipeline(DiffusionPipeline):
    """text -> tokens d -> embeddings e -> video, for the signer of a reference picture."""

    _interrupt = False
    model_cpu_offload_seq = "translator->autoencoder->pose_head->denoiser->vae"
    _optional_components = ["pose_head"]  # noqa: RUF012 (diffusers' own)

    def __init__(
        self,
        vae: AutoencoderKL,
        denoiser: VideoDenoiser,
        autoencoder: Codec,
        translator: TokenTranslator,
        scheduler: Any,
        height: int = 64,
        width: int = 64,
        fps: float = 12.0,
        steps: int = 20,
        guidance: float = 3.5,
        guidance_start: float = 0.0,
        guidance_stop: float = 1.0,
        reuse_every: int = 1,
        window: int = 24,
        overlap: int = 4,
        tail: str = "shifted",
        window_batch: int = 1,
        max_frames: int = 400,
        pose_head: Optional[PoseHead] = None,  # noqa: UP045 (diffusers 0.35 knows no other kind of union)
    ) -> None:
        super().__init__()
        given = dict(
            height=height, width=width, fps=fps, steps=steps, guidance=guidance, guidance_start=guidance_start,
            guidance_stop=guidance_stop, reuse_every=reuse_every, window=window, overlap=overlap, tail=tail,
            window_batch=window_batch, max_frames=max_frames,
        )  # fmt: skip
        check_sampling(given)
        _check_tokens_of(translator, autoencoder)
        self.register_modules(
            vae=vae,
            denoiser=denoiser,
            autoencoder=autoencoder,
            translator=translator,
            scheduler=scheduler,
            pose_head=pose_head,
        )
        self.register_to_config(**given)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> "SignVipPipeline":
        """Load a run folder or a hub id; RunError says which stage is missing.

        Options of the sampler, such as `reuse_every=3`, take the place of the run's own.
        """
        if not isinstance(pretrained_model_name_or_path, str | os.PathLike):
            kind = type(pretrained_model_name_or_path).__name__
            raise RunError(f"A run is a folder or a hub id, and no {kind}; give one such as runs/default.")
        folder = Path(pretrained_model_name_or_path)
        try:
            there = folder.exists()
        except OSError as error:
            raise RunError(
                f"{str(folder)[:80]} is not a folder ({error.strerror}); give a run's, or a hub id."
            ) from error
        if there or not is_hub_id(str(pretrained_model_name_or_path)):
            with fits.unchanged(folder):
                return cls._read(folder, **kwargs)
        try:
            folder = cls.download(pretrained_model_name_or_path, **kwargs)
        except Exception as error:  # offline, unknown, gated: the hub has a dozen errors for it
            raise RunError(
                f"There is no run in {folder}, and it cannot be fetched from the hub ({type(error).__name__}); check "
                "the name, or download it elsewhere and give its folder."
            ) from error
        return cls._read(folder, **kwargs)

    @classmethod
    def _read(cls, folder: Path, **kwargs: Any) -> "SignVipPipeline":
        """Read a local folder part by part, so that diffusers imports nothing that the folder names."""
        _check_finished(folder)
        named, values = read_index(folder, BASES, SCHEDULERS, INDEXED)
        _check_values(folder, values)
        _check_given(kwargs)
        if (folder / "config.json").is_file():
            _refuse_others(folder, values, Run.open(folder).config, scheduler="scheduler" not in kwargs)
        missing = [part for part in (*MODELS, "scheduler") if part not in named and part not in kwargs]
        if missing:
            raise RunError(f"{folder / INDEX} names no {missing[0]}; restore it, or get the run again.")
        given = INDEXED.keys() if "denoiser" in kwargs else kwargs.keys()
        wanted = {part: kind for part, kind in named.items() if part not in {*given, *kwargs}}
        remedies = {
            part: f"get the run again, or: {MAKERS.get(part, 'signvip train')} --fresh" for part in wanted
        }
        dtype, variant = kwargs.get("torch_dtype"), kwargs.pop("variant", None)

        def load(part: str, kind: type[Any]) -> Any:
            if part not in wanted:
                raise RunError(f"{folder / INDEX} names no {part}; restore it, or get the run again.")
            model: torch.nn.Module = load_part(folder / part, kind, remedies[part], variant=variant)
            return model.to(dtype) if isinstance(dtype, torch.dtype) else model

        for part in wanted:
            if part != "scheduler":
                check_part(folder / part, remedies[part])  # all of them, before the first is loaded
        fits.refuse_misfits(folder)
        for part, kind in sorted(wanted.items(), key=lambda item: item[0] != "scheduler"):
            if isinstance(kind, str):
                kwargs[part] = load_scheduler(folder / part, kind, remedies[part])
            elif kind is not None:
                kwargs[part] = load(part, kind)
            elif part == "denoiser":
                kwargs[part] = read_denoiser(_denoiser_of(folder), load)
        return super().from_pretrained(folder, **kwargs)

    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any:
        """Read `model_index.json` for diffusers, which is to see one denoiser, whatever it is stored as."""
        found = super().load_config(*args, **kwargs)
        if isinstance(found, dict) and found.get("denoiser") == INDEXED["denoiser"]:
            found = {name: value for name, value in found.items() if name not in INDEXED}
            found["denoiser"] = [VideoDenoiser.__module__, VideoDenoiser.__name__]
        return found

    def save_config(self, save_directory: Any, **kwargs: Any) -> None:
        """Write `model_index.json`, with all parts that a denoiser stores apart."""
        super().save_config(save_directory, **kwargs)
        parts = self.denoiser.parts()
        if parts.get("denoiser") is not self.denoiser:
            path = Path(save_directory) / INDEX
            index = json.loads(path.read_text(encoding="utf-8")) | {part: INDEXED[part] for part in parts}
            write_text(path, json.dumps(index, indent=2, sort_keys=True) + "\n")

    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> None:
        """Save all parts; what a run noted of which was trained with which is not claimed of other files."""
        super().save_pretrained(save_directory, **kwargs)
        fits.forget(Path(save_directory))

    @torch.no_grad()
    def __call__(
        self,
        text: str | Sequence[str],
        reference: Reference | Sequence[Reference],
        *,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        max_frames: int | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        language: str | Sequence[str] | None = None,
        tokens: Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> SignVipOutput | Any:  # Any: a plain tuple where no `return_dict` is wanted
        """Generate one video per text, all of the same signer, or with a list of references each of its own.

        `language` is the ISO 639-3 code of a sign language, of all texts or one for each. `generator` draws the tokens
        (above a temperature of 0), then the noise. One that is on the CPU draws the same for any device. A list of
        texts takes a list of them, and each video is then the one of its text alone; or it takes one for all, from
        which the first video draws before the second. `tokens` (F, N) replace the translator's.
        `output_type` is "pil", "np" (F, H, W, 3) in [0, 1], "pt" (F, 3, H, W) in [0, 1], "latent", or "stream": parts
        (f, H, W, 3) uint8, decoded as they are read, so that a long video takes no more memory than a short one.
        The callback is that of diffusers, called as `(pipe, step, timestep, {"latents": ...})`; it may return others,
        and may set `pipe._interrupt`: then no further step is taken, and no video that was not begun is made.
        """
        texts = texts_of(text, unread=tokens is not None)
        references, generators = references_of(reference, len(texts)), generators_of(generator, len(texts))
        check_tokens(tokens, texts, self.autoencoder.tokens_per_frame, self.autoencoder.vocab_size)
        check_output_type(output_type)
        check_callback(callback_on_step_end, callback_on_step_end_tensor_inputs)
        languages_of(language, len(texts))
        steps, guidance = self._steps(num_inference_steps), real("guidance_scale", guidance_scale)
        pictures = [self._picture(one) for one in references]
        told = self.concerns(None if tokens is not None else texts, references, language)
        for sentence in dict.fromkeys(sentence for sentences in told for sentence in sentences):
            warnings.warn(sentence, UnseenWarning, stacklevel=3)
        self._interrupt = False
        translated = (
            [tokens]
            if tokens is not None
            else self._translate(
                texts, max_frames=max_frames, temperature=temperature, top_k=top_k, language=language,
                generator=generator,
            )
        )  # fmt: skip
        frames, poses = [], []
        for d, picture, own in zip(translated, pictures, generators, strict=True):
            if self._interrupt:
                break
            e = self.embed(d)
            poses.append(self.read_poses(e) if self.pose_head is not None else None)
            latents = self.denoise(
                e,
                picture,
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=own,
                callback_on_step_end=callback_on_step_end,
            )
            frames.append(latents if output_type == "latent" else _convert(self.decode(latents), output_type))
        one = isinstance(text, str)
        made, written, read, said = (
            items[0] if one else items for items in (frames, translated, poses, told)
        )
        read = read if self.pose_head is not None else None
        out = SignVipOutput(frames=made, tokens=written, poses=read, warnings=said)
        return out if return_dict else (out.frames, out.tokens)

    def translate(
        self,
        texts: Sequence[str],
        *,
        max_frames: int | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        language: str | Sequence[str] | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> list[Tensor]:
        """Translate texts to tokens d, one (F, N) each: p(d | text) of Eq. 4. Generators are those of `__call__`."""
        if (sentence := self._useless(language)) is not None:
            warnings.warn(sentence, SignVipWarning, stacklevel=2)
        return self._translate(
            texts,
            max_frames=max_frames,
            temperature=temperature,
            top_k=top_k,
            language=language,
            generator=generator,
        )

    def concerns(
        self,
        texts: Sequence[str] | None,
        references: Sequence[Reference],
        language: str | Sequence[str] | None = None,
    ) -> list[tuple[str, ...]]:
        """Tell for each text and its reference, in sentences, what this run would answer with nonsense.

        Texts may be None, where nothing is translated. A run that does not know what it was trained on says nothing.
        """
        seen = Seen.read(self.translator.config.get("seen"))
        useless = self._useless(language)
        of_texts: list[list[str]] = [[] for _ in references]
        if texts is not None:
            given = languages_of(language, len(texts))
            languages: list[str | None] = [*given] if given else [None] * len(texts)
            pairs = zip(texts_of(texts), languages, strict=True)
            of_texts = [seen.concerns(text, one) if seen is not None else [] for text, one in pairs]
            of_texts = [[*([useless] if useless else []), *sentences] for sentences in of_texts]
        usual = Likeness.from_json(self.denoiser.likeness)
        keys = [str(one) if isinstance(one, str | Path) else id(one) for one in references]
        different = dict(zip(keys, references, strict=True))
        doubts = {key: doubts_about(one, self._picture(one), usual) for key, one in different.items()}
        return [(*sentences, *doubts[key]) for sentences, key in zip(of_texts, keys, strict=True)]

    def _useless(self, language: str | Sequence[str] | None) -> str | None:
        if not language or self.translator.languages:
            return None
        first = language if isinstance(language, str) else language[0]
        return f"The language '{first}' changes nothing: this translator does not tell sign languages apart."

    def _translate(
        self,
        texts: Sequence[str],
        *,
        max_frames: Any,
        temperature: Any,
        top_k: Any,
        language: Any,
        generator: Any,
    ) -> list[Tensor]:
        texts = texts_of(texts)
        generators_of(generator, len(texts))
        return self.translator.generate(
            texts,
            max_frames=whole("max_frames", max_frames) or self.config.max_frames,
            temperature=real("temperature", temperature) or 0.0,
            top_k=whole("top_k", top_k),
            languages=languages_of(language, len(texts)),
            generator=generator,
        )

    @torch.no_grad()
    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens d (F, N) to embeddings e (F, C, h, w), which are p(e | d) of Eq. 4."""
        return self.autoencoder.decode_frames(tokens.to(self._execution_device))

    @torch.no_grad()
    def read_poses(self, e: Tensor) -> Tensor:
        """Keypoints (F, 128, 3) float32, on the CPU, of embeddings e (F, C, h, w); RunError where no head reads them.

        x and y in pixels of the frames, confidence; all zeros where a point is unseen. `contracts.KEYPOINTS` has names.
        """
        self.require_pose_head()
        return self.pose_head.read(e).float().cpu()

    def require_pose_head(self) -> None:
        """RunError where this run has no head to read poses with."""
        if self.pose_head is None:
            raise RunError(
                "This run has no pose head, so it gives no poses; train one beside what it has with: signvip train "
                '--stage 2 --set stage2_poses={"steps":400,"clips":16,"frames":2,"learning_rate":0.002}'
            )

    @torch.no_grad()
    def denoise(
        self,
        e: Tensor,
        reference: Reference,
        *,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: torch.Generator | None = None,
        callback_on_step_end: StepCallback | None = None,
    ) -> Tensor:
        """Embeddings e (F, C, h, w) and a picture to latents (F, 4, h, w): p(X | x*, e) of Eq. 4, before the VAE."""
        steps = self._steps(num_inference_steps)
        guidance_scale = real("guidance_scale", guidance_scale)
        generators_of(generator, 1)
        seen = self._see(reference, e)
        with self.progress_bar(total=steps) as bar:

            def advance(step: int, timestep: Tensor, latents: Tensor) -> Tensor:
                bar.update()
                if callback_on_step_end is None:
                    return latents
                return latents_of(callback_on_step_end(self, step, timestep, {"latents": latents}), latents)

            made = sample(
                self.denoiser,
                self.scheduler,
                seen,
                e[None],
                steps=steps,
                guidance_scale=self.config.guidance if guidance_scale is None else guidance_scale,
                guidance_interval=(self.config.guidance_start, self.config.guidance_stop),
                generators=[generator] if generator is not None else None,
                window=self.config.window,
                overlap=self.config.overlap,
                tail=self.config.tail,
                window_batch=self.config.window_batch,
                reuse_every=self.config.reuse_every,
                callback=advance,
                interrupted=lambda: self._interrupt,
            )[0]
        return _numbers(made, "latents")

    @torch.no_grad()
    def stream(
        self,
        tokens: Tensor,
        reference: Reference,
        *,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: torch.Generator | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the frames (f, H, W, 3) uint8 of tokens d (F, N) while later ones are still noise.

        They are the frames that a call with these `tokens` gives, bit for bit. Once something `interrupted` it, the
        work ends and nothing more is yielded. None of the frames is kept.
        """
        check_tokens(tokens, [""], self.autoencoder.tokens_per_frame, self.autoencoder.vocab_size)
        generators_of(generator, 1)
        scale = real("guidance_scale", guidance_scale)
        e = self.embed(tokens)
        made = sample_in_order(
            self.denoiser,
            self.scheduler,
            self._see(reference, e),
            e[None],
            steps=self._steps(num_inference_steps),
            guidance_scale=self.config.guidance if scale is None else scale,
            guidance_interval=(self.config.guidance_start, self.config.guidance_stop),
            generator=generator,
            window=self.config.window,
            overlap=self.config.overlap,
            tail=self.config.tail,
            window_batch=self.config.window_batch,
            reuse_every=self.config.reuse_every,
            interrupted=interrupted,
        )
        for latents in _of_length(made, DECODE_CHUNK):
            if interrupted is not None and interrupted():
                return
            yield from map(to_pixels, self.decode(_numbers(latents, "latents")))

    def _see(self, reference: Reference, e: Tensor) -> Tensor:
        """Return the latents (1, 4, h, w) of a picture; RunError where embeddings e (F, C, h, w) have another size."""
        picture = torch.tensor(self._picture(reference))
        picture = to_model(picture.permute(2, 0, 1)[None].to(self._execution_device))
        seen = encode_images(self.vae, picture)[0]
        if seen.shape[-2:] != e.shape[-2:]:
            raise RunError(
                f"Pictures of {self.config.height}x{self.config.width} are not frames of this run: its tokens are of "
                "another size; leave height and width as they are stored."
            )
        return seen

    @property
    def interrupt(self) -> bool:
        """Return whether a callback asked to stop, as in diffusers, by setting `_interrupt`."""
        return self._interrupt

    def _steps(self, asked: Any) -> int:
        most = getattr(self.scheduler.config, "num_train_timesteps", None)
        return whole("num_inference_steps", asked, most=most) or self.config.steps

    def _picture(self, reference: Any) -> np.ndarray:
        return load_reference(reference, (self.config.height, self.config.width))

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        """Decode latents (F, 4, h, w) a few frames at a time: (f, 3, H, W) in [-1, 1]."""
        for part in latents.split(DECODE_CHUNK):
            yield _numbers(decode_latents(self.vae, part), "frames")


def _of_length(parts: Iterator[Tensor], length: int) -> Iterator[Tensor]:
    """Yield the rows of all parts, `length` at a time: a network may round other batches otherwise."""
    kept: list[Tensor] = []
    for part in parts:
        rows = torch.cat([*kept, part])
        whole = len(rows) - len(rows) % length
        yield from rows[:whole].split(length) if whole else ()
        kept = [rows[whole:]]
    if kept and len(kept[0]):
        yield kept[0]


def _numbers(values: Tensor, name: str) -> Tensor:
    """Return values as they are; RunError where one is not finite, which a video would show as one colour."""
    if not math.isfinite(float(values.abs().amax())):
        raise RunError(
            f"The {name} are not finite: weights or precision fail them; use --dtype fp32 (torch_dtype=torch.float32), "
            "or train stage 1 again with --fresh."
        )
    return values


def save_index(folder: Path, config: RunConfig, parts: Mapping[str, Any]) -> None:
    """Write the scheduler and `model_index.json`, which make a folder of parts loadable as a whole."""
    pipe = SignVipPipeline(
        **{name: parts[name] for name in MODELS},
        pose_head=parts.get("pose_head"),
        scheduler=make_scheduler(config.sampler.scheduler, config.sampler),
        height=config.size[0],
        width=config.size[1],
        fps=config.fps,
        **sampler_options(config.sampler),
    )
    pipe.scheduler.save_pretrained(folder / "scheduler")
    pipe.save_config(folder)


def is_hub_id(name: str) -> bool:
    """Return whether a name can be one of the hub's, `owner/name`, and not only a path."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is not None and not name.startswith("runs/")


def _convert(parts: Iterator[Tensor], output_type: str) -> Any:
    if output_type == "stream":
        return map(to_pixels, parts)
    frames = ((torch.cat(list(parts)).float().clamp(-1, 1) + 1) / 2).cpu()
    if output_type == "pt":
        return frames
    array = frames.permute(0, 2, 3, 1).numpy()
    if output_type == "np":
        return array
    return [Image.fromarray((frame * 255).round().astype(np.uint8)) for frame in array]


def _check_values(folder: Path, values: Mapping[str, Any]) -> None:
    """Refuse sizes and options of a stored pipeline that no configuration could have."""
    sampler = {name: values[name] for name in OF_A_PIPELINE if name in values}
    shape = {name: values[name] for name in ("height", "width", "fps") if name in values}
    try:
        Sampler.model_validate(sampler, strict=True)
        _Shape.model_validate(shape, strict=True)
    except ValidationError as error:
        faults = explain(error, prefix=str(folder / "model_index.json"), known=OF_A_PIPELINE)
        raise RunError(f"{faults}; restore it, or get the run again.") from error


def _check_given(parts: Mapping[str, Any]) -> None:
    """Raise ConfigError for what cannot replace a run's own part, or for an unknown precision."""
    for part in (*MODELS, "scheduler"):
        if part in parts and not hasattr(parts[part], "config"):
            raise ConfigError(
                f"{part} is {str(parts[part])[:40]!r}; give a network or a scheduler, or leave it out."
            )
    dtype = parts.get("torch_dtype")
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ConfigError(f"torch_dtype is {dtype!r}; give torch.float32, torch.bfloat16 or torch.float16.")


def _check_tokens_of(translator: Any, codec: Any) -> None:
    """MismatchError for a translator whose tokens are none of the autoencoder's."""
    sizes = getattr(translator, "config", {})
    for name in ("tokens_per_frame", "vocab_size"):
        if name in sizes and sizes[name] != getattr(codec, name, sizes[name]):
            raise MismatchError(
                f"The translator has {name}={sizes[name]}, the autoencoder {getattr(codec, name)}: they are of "
                "different runs; give two of one run."
            )


def _refuse_others(folder: Path, values: Mapping[str, Any], config: RunConfig, *, scheduler: bool) -> None:
    """MismatchError for a size, a rate or a noise schedule that are not those that the run was trained with."""
    trained = {"height": config.size[0], "width": config.size[1], "fps": config.fps}
    for name, wanted in trained.items():
        if values.get(name, wanted) != wanted:
            raise MismatchError(
                f"{folder / INDEX} has {name}={values[name]}, the run was trained with {wanted}; restore it, or get "
                "the run again."
            )
    if scheduler:
        refuse_other_schedule(folder / "scheduler" / SCHEDULE, config.sampler)


class _Shape(Config):
    height: Side = 64
    width: Side = 64
    fps: Rate = 12.0


def _denoiser_of(folder: Path) -> str:
    """Return the name of a denoiser that is stored in several folders, which do not tell it."""
    if (folder / "config.json").is_file():
        return Run.open(folder).config.denoiser.name
    return FIRST_DENOISER


def _check_finished(folder: Path) -> None:
    """RunError for a run that is not finished."""
    if (folder / "config.json").is_file():
        Run.open(folder).require("vae", "denoiser", "autoencoder", "translator")
    if not (folder / "model_index.json").is_file():
        raise RunError(
            f"{folder} is not a finished run; train its three stages first: signvip train --stage 1, 2, 3."
        )
