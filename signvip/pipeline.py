"""Text and a reference picture in, a signing video out: Eq. 4, as a diffusers pipeline.

Annotations are not strings here, nor Literals: diffusers 0.35 reads those of a pipeline's constructor as types.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.utils import BaseOutput
from PIL import Image
from torch import Tensor

from signvip.config import RunConfig
from signvip.contracts import KEYPOINTS
from signvip.data.pixels import to_model, to_pixels
from signvip.data.reference_picture import load_reference
from signvip.errors import RunError, SignVipWarning, UnseenWarning
from signvip.generation import concerns, stored
from signvip.generation.frames import as_asked, decode, finite, regrouped
from signvip.models import PoseDrawer, PoseHead, Tokenizer, TokenTranslator, VideoDenoiser
from signvip.models.retargeting import retarget
from signvip.models.vae import encode_images
from signvip.sampling.arguments import (
    check_callback,
    check_output_type,
    check_same_tokens,
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
from signvip.sampling.options import sampler_options
from signvip.sampling.sampler import make_scheduler, sample
from signvip.storage import fits

Reference = Image.Image | np.ndarray | str | Path
StepCallback = Callable[["SignVipPipeline", int, Tensor, dict[str, Tensor]], Mapping[str, Tensor] | None]

NO_REFERENCE_HEAD = (
    "This run reads no references, so poses cannot be moved to their signers; give it what does with: signvip train "
    '--stage 2 --set stage2_reference={"steps":1200,"clips":16,"frames":2,"learning_rate":0.003}, or say retarget=none.'
)


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
    model_cpu_offload_seq = "translator->autoencoder->pose_head->reference_head->pose_drawer->denoiser->vae"
    _optional_components = ["pose_head", "pose_drawer", "reference_head"]  # noqa: RUF012 (diffusers' own)

    def __init__(
        self,
        vae: AutoencoderKL,
        denoiser: VideoDenoiser,
        autoencoder: Tokenizer,
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
        guided_by: str = "tokens",
        retarget: str = "none",
        pose_head: Optional[PoseHead] = None,  # noqa: UP045 (diffusers 0.35 knows no other kind of union)
        pose_drawer: Optional[PoseDrawer] = None,  # noqa: UP045
        reference_head: Optional[PoseHead] = None,  # noqa: UP045
    ) -> None:
        super().__init__()
        given = dict(
            height=height, width=width, fps=fps, steps=steps, guidance=guidance, guidance_start=guidance_start,
            guidance_stop=guidance_stop, reuse_every=reuse_every, window=window, overlap=overlap, tail=tail,
            window_batch=window_batch, max_frames=max_frames, guided_by=guided_by,
            retarget=retarget,
        )  # fmt: skip
        check_sampling(given)
        check_same_tokens(translator, autoencoder)
        if guided_by == "poses" and (pose_head is None or pose_drawer is None):
            raise RunError(
                "This run draws no poses, so they cannot guide its videos; give it what draws them with: signvip train "
                "--stage 2 --set sampler.guided_by=poses, or say guided_by=tokens."
            )
        if guided_by == "tokens" and pose_drawer is not None and pose_drawer.learned:
            raise RunError(
                "The pictures of this run were trained on poses that are drawn again (stage1.encoder=drawer), and "
                "nothing else can guide them; leave guided_by=tokens out."
            )
        if retarget != "none" and reference_head is None:
            raise RunError(NO_REFERENCE_HEAD)
        self.register_modules(
            vae=vae,
            denoiser=denoiser,
            autoencoder=autoencoder,
            translator=translator,
            scheduler=scheduler,
            pose_head=pose_head,
            pose_drawer=pose_drawer,
            reference_head=reference_head,
        )
        self.register_to_config(**given)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> "SignVipPipeline":
        """Load a run folder or a hub id; RunError says which stage is missing.

        Options of the sampler, such as `reuse_every=3`, take the place of the run's own.
        """
        folder = stored.find_run(pretrained_model_name_or_path, lambda name: cls.download(name, **kwargs))
        with fits.unchanged(folder):
            return super().from_pretrained(folder, **stored.read_parts(folder, kwargs))

    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any:
        """Read `model_index.json` for diffusers, which is to see one denoiser, whatever it is stored as."""
        return stored.with_one_denoiser(super().load_config(*args, **kwargs))

    def save_config(self, save_directory: Any, **kwargs: Any) -> None:
        """Write `model_index.json`, with all parts that a denoiser stores apart."""
        super().save_config(save_directory, **kwargs)
        stored.name_parts(Path(save_directory), self.denoiser)

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
        drawing: dict[str, Any] = {
            "max_frames": max_frames,
            "temperature": temperature,
            "top_k": top_k,
            "language": language,
        }
        sampling: dict[str, Any] = {
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "callback_on_step_end": callback_on_step_end,
        }
        # d ~ p(d | text)
        written = [tokens] if tokens is not None else self._translate(texts, generator=generator, **drawing)
        frames, poses = [], []
        for d, picture, own in zip(written, pictures, generators, strict=True):
            if self._interrupt:
                break
            e = self.embed(d)  # p(e | d)
            shown = self.poses(e, picture) if self.pose_head is not None else None
            poses.append(shown)
            guide = self.pose_drawer.embed(shown) if self.config.guided_by == "poses" else e
            latents = self.denoise(guide, picture, generator=own, **sampling)  # p(X | x*, e)
            frames.append(latents if output_type == "latent" else as_asked(self.decode(latents), output_type))
        out = SignVipOutput(frames, written, poses if self.pose_head is not None else None, warnings=told)
        if isinstance(text, str):
            out = SignVipOutput(out.frames[0], out.tokens[0], out.poses and out.poses[0], warnings=told[0])
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
        if (sentence := concerns.useless_language(self.translator, language)) is not None:
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
        of_texts: Sequence[Sequence[str]] = [()] * len(references)
        if texts is not None:
            of_texts = concerns.about_texts(self.translator, texts, language)
        find = self.find_signer if self._retargets else None
        of_references = concerns.about_references(self.denoiser, references, self._picture, find)
        return [(*text, *reference) for text, reference in zip(of_texts, of_references, strict=True)]

    @property
    def _retargets(self) -> bool:
        """Return whether poses are moved to the signer of a reference."""
        return self.config.guided_by == "poses" and self.config.retarget != "none"

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

    @torch.no_grad()
    def poses(self, e: Tensor, reference: Reference) -> Tensor:
        """Keypoints (F, 128, 3) of embeddings as `read_poses` gives them, for the video of a reference picture.

        Where poses guide it and `retarget` says so, they are moved to where its signer is.
        """
        poses = self.read_poses(e)
        return retarget(poses, self.find_signer(reference)) if self._retargets else poses

    @torch.no_grad()
    def find_signer(self, reference: Reference) -> Tensor:
        """Keypoints (128, 3) float32 of a picture's signer, on the CPU; RunError where no head reads them.

        Of head, shoulders and neck, in pixels of the frames; all zeros where a point is unseen, and elsewhere.
        """
        if self.reference_head is None:
            raise RunError(NO_REFERENCE_HEAD)
        return self.reference_head.read(self._encode(reference))[0].float().cpu()

    @torch.no_grad()
    def guide(self, e: Tensor, reference: Reference) -> Tensor:
        """Embeddings e (F, C, h, w) that tokens decode to, as the denoiser is to see them beside a reference picture.

        As they are, in the paper; with `guided_by` "poses" those of the poses that they show, drawn again.
        """
        return e if self.config.guided_by == "tokens" else self.pose_drawer.embed(self.poses(e, reference))

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
                **self._sampling(steps, guidance_scale),
                generators=[generator] if generator is not None else None,
                callback=advance,
                interrupted=lambda: self._interrupt,
            )[0]
        return finite(made, "latents")

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
        e = self.guide(self.embed(tokens), reference)
        made = sample_in_order(
            self.denoiser,
            self.scheduler,
            self._see(reference, e),
            e[None],
            **self._sampling(self._steps(num_inference_steps), scale),
            generator=generator,
            interrupted=interrupted,
        )
        for latents in regrouped(made):
            if interrupted is not None and interrupted():
                return
            yield from map(to_pixels, self.decode(finite(latents, "latents")))

    def _encode(self, reference: Reference) -> Tensor:
        """Return the latents (1, 4, h, w) of a picture."""
        picture = torch.tensor(self._picture(reference))
        picture = to_model(picture.permute(2, 0, 1)[None].to(self._execution_device))
        return encode_images(self.vae, picture)[0]

    def _see(self, reference: Reference, e: Tensor) -> Tensor:
        """Return the latents (1, 4, h, w) of a picture; RunError where embeddings e (F, C, h, w) have another size."""
        seen = self._encode(reference)
        if seen.shape[-2:] != e.shape[-2:]:
            raise RunError(
                f"Pictures of {self.config.height}x{self.config.width} are not frames of this run: its tokens are of "
                "another size; leave height and width as they are stored."
            )
        return seen

    def _sampling(self, steps: int, guidance_scale: float | None) -> dict[str, Any]:
        run = self.config
        return {
            "steps": steps,
            "guidance_scale": run.guidance if guidance_scale is None else guidance_scale,
            "guidance_interval": (run.guidance_start, run.guidance_stop),
            **{name: run[name] for name in ("window", "overlap", "tail", "window_batch", "reuse_every")},
        }

    @property
    def interrupt(self) -> bool:
        """Return whether a callback asked to stop, as in diffusers, by setting `_interrupt`."""
        return self._interrupt

    def _steps(self, asked: Any) -> int:
        most = getattr(self.scheduler.config, "num_train_timesteps", None)
        return whole("num_inference_steps", asked, most=most) or self.config.steps

    def _picture(self, reference: Any) -> np.ndarray:
        return load_reference(reference, (self.config.height, self.config.width))

    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        """Decode latents (F, 4, h, w) a few frames at a time: (f, 3, H, W) in [-1, 1]."""
        return decode(self.vae, latents)


def save_index(folder: Path, config: RunConfig, parts: Mapping[str, Any]) -> None:
    """Write the scheduler and `model_index.json`, which make a folder of parts loadable as a whole."""
    pipe = SignVipPipeline(
        **{name: parts[name] for name in stored.MODELS},
        pose_head=parts.get("pose_head"),
        pose_drawer=parts.get("pose_drawer"),
        reference_head=parts.get("reference_head"),
        scheduler=make_scheduler(config.sampler.scheduler, config.sampler),
        height=config.size[0],
        width=config.size[1],
        fps=config.fps,
        **sampler_options(config.sampler),
    )
    pipe.scheduler.save_pretrained(folder / "scheduler")
    pipe.save_config(folder)
