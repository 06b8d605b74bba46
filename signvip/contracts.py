"""The contracts of plugins, and the values that pass between the parts. Imports no torch.

The letters used for shapes in the whole project: B batch, F frames, N tokens per frame, K conditions,
C channels, H and W frame size in pixels, h and w latent size, L levels of a quantizer.
Images are (H, W, 3) uint8 RGB in data, and (3, H, W) float in [-1, 1] in models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

SPLITS = ("train", "dev", "test")
BODY, FACE, LEFT_HAND, RIGHT_HAND = slice(0, 18), slice(18, 86), slice(86, 107), slice(107, 128)
NUM_KEYPOINTS = 128  # OpenPose-18 body, iBUG-68 face, 21 points a hand
_FINGERS = ("thumb", "index", "middle", "ring", "little")  # four joints each, from the palm to the tip
KEYPOINTS = (
    *(
        "nose",
        "neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
    *(f"face_{number}" for number in range(68)),
    *(
        f"{side}_hand_{joint}"
        for side in ("left", "right")
        for joint in ("wrist", *(f"{finger}_{number}" for finger in _FINGERS for number in range(1, 5)))
    ),
)
"""Names of the keypoints, in their order."""


class Config(BaseModel):
    """Base of every plugin's nested `Config`: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Moves = Literal["points", "map", "labels", "fixed"]
"""How something known moves when pictures are cropped and scaled.

points: (..., C), x and y as fractions of width and height first, and of four columns z, a fraction of the width, third;
map: (F, H, W, ...), blended; labels: the same by the nearest pixel; fixed: not at all.
"""

MOVES: Mapping[str, Moves] = {
    "keypoints": "points",
    "hands": "points",
    "meshes": "points",
    "triangles": "fixed",
    "depth": "map",
}
"""Of what `Clip.known` describes. Whoever adds more (a reader, an estimator or a condition) has `moves` of its own."""


@dataclass(frozen=True)
class Clip:
    """One signed sentence, as a dataset reader hands it to `preprocess`.

    `known` holds what the dataset knows without an estimator, keyed as a condition asks for it:

    * `keypoints` (F, 128, 3) float32: x and y as fractions of width and height, confidence in [0, 1];
      the order is body (OpenPose-18), face (iBUG-68), left hand (21), right hand (21)
    * `hands` (F, 2, 21, 4) float32: x and y as above, z as a fraction of the width (larger is farther),
      confidence; first the signer's left hand, then the right
    * `meshes` (F, 2, V, 4) float32: the surface of both hands, columns as in `hands`; with it `triangles` (F, T, 3),
      which vertices belong together
    * `depth` (F, H, W) uint8: 255 is nearest, 0 is the background

    and anything else that a reader or an estimator adds; its `moves` declares how that moves: see `Moves`.

    `alignment` (F,) is the character of `text` that each frame signs or comes to, -1 where it is none; None where
    nobody knows. A translator may learn from it (`translator.alignment`).
    """

    id: str
    frames: np.ndarray  # (F, H, W, 3) uint8 RGB
    fps: float
    text: str
    language: str = "und"  # ISO 639-3 of the sign language
    text_language: str = "und"  # BCP 47 of the text
    gloss: str | None = None
    signer: str | None = None
    source: str = ""
    licence: str = ""
    notice: str = ""  # that a model made it, and nobody signed it; empty for true clips
    alignment: np.ndarray | None = None
    known: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantized:
    """The result of a quantizer: codes (B, dim, h, w) with a gradient, tokens (B, h, w), its own loss."""

    codes: Tensor
    tokens: Tensor
    loss: Tensor | float = 0.0


@runtime_checkable
class Condition(Protocol):
    """A fine-grained condition (section 3.2 of the paper): extracted once, drawn again at any size.

    A class may also have `needs`, the keys of `Clip.known` without which it refuses every clip, and `moves` (`Moves` by
    key) for those that are its own. One that stores `keypoints` or `hands` as `Clip.known` has them stores them under
    these names: so training and metrics find hands and faces, whatever the condition is called.
    """

    def extract(self, clip: Clip) -> dict[str, np.ndarray]:
        """Return what `draw` needs, one row per frame in every array; stored as `<name>.npz`."""
        ...

    def draw(
        self, data: Mapping[str, np.ndarray], size: tuple[int, int], frames: Sequence[int] | None = None
    ) -> np.ndarray:
        """Draw the given frames (all by default) at (H, W): (F, H, W, 3) uint8 RGB on black."""
        ...


@runtime_checkable
class Quantizer(Protocol):
    """A discrete bottleneck. All that the autoencoder and the translator know of it.

    One whose tokens are numbers in a mixed base may have `digits`, a sequence of how many values each digit has, the
    fastest counting first; a translator can then predict digits. A class may have `options_for(codes)`, a class method
    that gives the options by which it has so many codes: `ablate` varies the size of a codebook by it; and
    `continuous(**options)`, one that gives those by which hardly anything is rounded. Any module of a quantizer or a
    translator may have `fixed_weights`, names of its weights that follow from the configuration, each
    with what makes it from its shape; `spread_by`, classes of modules that processes share one by one; and
    `unread_parameters`, how many more the paper counts than are there.
    """

    dim: int
    vocab_size: int

    def __call__(self, z: Tensor) -> Quantized:  # z (B, dim, h, w)
        ...

    def decode(self, tokens: Tensor) -> Tensor:  # (B, h, w) -> (B, dim, h, w)
        ...


Phase = Literal["image", "motion", "detail"]
"""What stage 1 trains of a denoiser: on single frames, then on clips, then what is finest, where it has a head."""

Say = Callable[[str], None]
"""Tells the user one sentence."""


@runtime_checkable
class Denoiser(Protocol):
    """Noise to video latents, guided by embeddings e and by a reference picture (section 3.4): a `torch.nn.Module`.

    Built as `cls(config, channels=C, embedding_channels=D)`, it sees single frames; `with_motion` gives the one that
    sees clips. What `reference` and `guide` return is its own affair: training and sampler only pass it on.

    A class may also have `timed = True`, where the reference depends on the timestep and is asked for at each step;
    `prepare(reference)`, what many calls of `predict` read of one reference, such as keys and values; `predict_both`,
    with the arguments of `predict`, the predictions without and with the reference in one call; `backbone`, the module
    that `stage1.denoiser=frozen` leaves as it starts; `enable_gradient_checkpointing()`; `compile()`; and `small`, the
    options of one that a test can afford. One with
    networks that are stored apart names them in `stores`, their classes (diffusers' `ModelMixin`) by attribute
    ("denoiser" among them, "guider" and "reference_net" if need be), and has a classmethod `of(parts)`.
    """

    channels: int  # of latents
    window: int | None  # most frames that it sees at once; None: any number

    def reference(self, latents: Tensor, timestep: Tensor | int) -> Any:
        """Return what `predict` reads of reference pictures, given their clean latents (B, C, h, w)."""
        ...

    def guide(self, e: Tensor) -> Any:
        """Return what `predict` reads of embeddings e (B, F, D, h, w)."""
        ...

    def predict(
        self,
        noisy: Tensor,
        timestep: Tensor | int,
        guide: Any,
        reference: Any | None,
        cache: dict[str, Any] | None = None,
    ) -> Tensor:
        """Predict what the noise schedule asks for (B, F, C, h, w) from noisy latents; one timestep or one each (B,).

        A reference of fewer clips serves as many neighbours each: windows of one clip lie side by side. None is a
        clip whose signer is unknown. What a denoiser leaves in `cache`, a dict that is empty at first, it may read at
        the steps that follow (`reuse_every`), which need not be exact.
        """
        ...

    def phases(self) -> Mapping[Phase, Sequence[torch.nn.Parameter]]:
        """Return the parameters that learn in each phase; no motion where there is nothing to learn of time."""
        ...

    def with_motion(self) -> Denoiser:
        """Return the denoiser of clips that does to each frame what this one does, until its motion is trained."""
        ...

    def start(self, sources: Mapping[str, str], say: Say) -> None:
        """Fill its weights from published ones, by the options of `[start]`; ConfigError for one it has no use for."""
        ...


@runtime_checkable
class DetailedDenoiser(Denoiser, Protocol):
    """One that can have a head for what is finest, which the detail phase trains, all else as it is.

    `predict` of one that has a head is `refine` of `before_detail`; `phases` gives the head's parameters as "detail".
    """

    def with_detail(self) -> DetailedDenoiser:
        """Return the same denoiser with a new head, which changes nothing until it is trained."""
        ...

    def before_detail(
        self, noisy: torch.Tensor, timestep: torch.Tensor | int, guide: Any, reference: Any | None
    ) -> torch.Tensor:
        """Return what the head reads (B, F, C, h, w): nothing before it learns in the detail phase."""
        ...

    def refine(self, read: torch.Tensor) -> torch.Tensor:
        """Predict from what the head reads, of whole frames or of squares of them."""
        ...


@runtime_checkable
class Translator(Protocol):
    """Text to multi-condition tokens (section 3.6). Built as `cls(config, tokens_per_frame=N, vocab_size=V)`.

    [EOS] belongs to the translator: token ids that go in and come out are in [0, V). One that tells sign languages
    apart has `languages`, their codes (ISO 639-3); `loss` and `generate` are then also given `languages`, one per text.
    A `generate` that has a parameter `generators` takes one for each text in the place of `generator`, so that sampled
    texts share a batch and stay as they are alone; another is asked text by text. One that reads letters and not words
    says `unit = "letters"`: a word that training did not show is then nothing new to it. A `loss` that has a parameter
    `ended` (B,) is told which clips end with their tokens; training cuts the others, which have no [EOS] to teach.
    One that has a parameter `alignment` (B, F) is told which character of its text each frame signs, as
    `Clip.alignment` has it, -1 where that is none or not known.
    It may then have `align(text, tokens, language)`, which says so of the tokens (F, N) that it made.
    A constructor that has a parameter `digits` is given those of the quantizer, None where it has none. A class may
    have `by_values`, the name of one with the same options that predicts values in the place of codes.
    """

    def loss(
        self, texts: Sequence[str], tokens: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Cross-entropy of Eq. 7 for tokens (B, F, N), padded past `lengths` (B,); and values to log.

        Values may stay tensors: they are read when they are logged, and reading them waits for the card.
        """
        ...

    def generate(
        self,
        texts: Sequence[str],
        *,
        max_frames: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> list[Tensor]:
        """Return one (F, N) tensor of tokens per text; each ends where the translator said [EOS]."""
        ...


@runtime_checkable
class DatasetReader(Protocol):
    """A dataset. Built as `cls(config)`; picklable, so that worker processes can load clips.

    A class may also have `knows`, the keys of `Clip.known` that all its clips come with: no estimator is then needed;
    `usual = True`, where it reads any folder that no dataset is named for;
    `filmed = True`, where its clips come with nothing else: `preprocess` then says at once which estimator is missing;
    `portrait(signer) -> (H, W, 3)`, a picture of one of its signers to generate from;
    `stamp(split, clip_id) -> str`, which changes when the clip's text, footage or options do, and is found without
    decoding: `preprocess` then makes that clip again, and without one all clips when options change;
    `moves`, how what only it knows of a clip moves (`Moves` by key); and
    `oracle(split, clip_id) -> str`, the best wording for who knows the glosses: the ceiling of back-translation.
    """

    def ids(self, split: str) -> list[str]:
        """Clip ids of one of `SPLITS`, in a fixed order; empty where the dataset lacks the split."""
        ...

    def load(self, split: str, clip_id: str) -> Clip:
        """Decode one clip; raise `DataError` for a clip that cannot be used."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """Finds in the pictures what the dataset does not know. Built as `cls(config)`; picklable.

    Worker processes each have their own: models are loaded at the first call. A class may also have `moves`, as a
    reader; `usual = True`, where it is to be taken for a dataset that knows no keypoints and no estimator is named;
    `stamp(clip_id) -> str`, which changes when the file does that it reads of a clip; `finds_people = True`,
    where it refuses a clip without people, and is then asked whether a reference shows one; `weights`, a fingerprint
    (str) of what it was loaded from, which the manifest of the shards keeps, and, as any plugin, a `weights_licence`
    (str), which `signvip plugins show` tells.
    """

    provides: Sequence[str]  # keys of `Clip.known`, such as ("keypoints", "hands")

    def __call__(self, clip: Clip) -> Mapping[str, np.ndarray]:
        """Return what it provides for every frame, in the shapes of `Clip.known`; unseen points have confidence 0.

        The clip comes as its dataset has it, uncropped, at up to full size. DataError where nothing can be found.
        """
        ...


@runtime_checkable
class Metric(Protocol):
    """A number with a definition. `__call__` takes (F, H, W, 3) videos in [0, 1], or what else `takes` states.

    A class may also have `takes` ("videos" where it is silent; "texts", "clips", "identities", "poses", "tokens",
    "embeddings" and "costs": see docs/reference/evaluation.md), `signature` (a line printed with the number), `unit`
    ("dB"; none for a bare number), `target` (the best value where that is neither the highest nor the lowest),
    `counted(generated, truth)` (n, where it is not clips) and `remark(generated, truth)` (a sentence to read beside the
    value, or None). One that compares frame by frame says `aligned = True`, and is given the frames that count alone.
    One that is made of sums over clips has `statistics(generated, truth)`, what each clip adds (clips, k), and
    `score(sums)`, which gives the same dict for sums (k,): its values then have intervals, by clips drawn again.
    """

    higher_is_better: bool

    def __call__(self, generated: Sequence[Any], truth: Sequence[Any]) -> dict[str, float]: ...


Register = Callable[[str, type | str], None]
"""`register(name, cls)`; `cls` may be written as "module:Class", to be imported when it is first used."""
