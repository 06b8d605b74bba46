"""The configuration of a run: preset < `--config` file < `--set key=value` < flag, checked all at once.

A checkpoint carries the configuration that built it, and at inference the checkpoint wins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from pydantic_core import PydanticUndefined, to_jsonable_python

from signvip.contracts import Config
from signvip.errors import ConfigError, suggest
from signvip.sampling.options import Sampler
from signvip.settings import (
    APART,
    Choice,
    DenoiserChoice,
    Fraction,
    Options,
    Rate,
    Side,
    explain,
    keys_of,
    merge,
    option,
    parse_setting,
    read_toml,
)


class Training(Config):
    """The options for training one phase."""

    steps: PositiveInt
    clips: PositiveInt = Field(description="clips in a batch, per process")
    frames: PositiveInt = Field(1, description="frames of each clip")
    stride: PositiveInt = Field(1, description="distance between these frames")
    learning_rate: PositiveFloat
    optimizer: Literal["adamw", "adamw8bit"] = Field(
        "adamw", description="adamw8bit: moments of 8 bits, on a GPU"
    )
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = Field(0, ge=0, description="steps of linear warm-up")
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = Field(1.0, ge=0, description="gradient norm is clipped here; 0 is off")
    ema: Fraction = Field(0.0, description="decay of the averaged weights; 0 is off")
    accumulation: PositiveInt = 1
    log_every: PositiveInt = 10
    validate_every: PositiveInt = 500
    checkpoint_every: PositiveInt = 500
    workers: int | None = Field(
        None, ge=0, description="processes that load data; by default as many as the machine has cores for"
    )


class Crops(Config):
    """Squares of frames in their place: where what is small and has to be readable is looked at most."""

    size: PositiveInt = Field(64, description="pixels on a side")
    hands: Fraction = Field(0.4, description="share of the crops that are about a hand")
    faces: Fraction = Field(0.25, description="share about a face; the rest lies anywhere")

    @model_validator(mode="after")
    def _check_shares(self) -> Crops:
        if self.hands + self.faces > 1:
            raise ValueError(f"hands and faces add up to {self.hands + self.faces:g}; set them to 1 at most")
        return self


class PixelLoss(Config):
    """Errors of what clean latents decode to, beside their own: the VAE tells which errors of latents can be seen.

    Squares of both are decoded by the frozen VAE, after Berrada et al. (arXiv:2411.04873), who compare features of the
    decoder where this compares its pixels.
    """

    weight: PositiveFloat = Field(1.0, description="of this error beside that of latents")
    edges: float = Field(
        0.5, ge=0, description="weight in it of differences between neighbouring pixels; 0 is off"
    )
    crops: Crops = Crops(size=64, hands=0.75, faces=0.25)


class VaeTraining(Training):
    """The options for training the VAE."""

    crops: Crops | None = Field(None, description="None trains on whole frames")
    edges: float = Field(
        0.0, ge=0, description="weight of the error of differences between neighbouring pixels; 0 is off"
    )
    noise: tuple[float, float] = Field(
        (0.0, 0.0), description="least and most noise on a picture's latents, in their deviations; 0 is off"
    )

    @model_validator(mode="after")
    def _check_noise(self) -> VaeTraining:
        if not 0 <= self.noise[0] <= self.noise[1]:
            raise ValueError(f"noise={list(self.noise)} is not a range; give the least, then the most")
        return self


class DetailTraining(Training):
    """The options for training a head for detail; `clips` are squares of a step, `frames` are seen together."""

    crops: Crops = Crops(size=64, hands=0.6, faces=0.2)
    squares: PositiveInt = Field(
        24000,
        description="drawn once, with what the head reads of them: 67 kB of disk each in the embedded model",
    )


PHASES_OF = {
    1: ("stage1.vae", "stage1.image", "stage1.motion", "stage1.detail"),
    2: ("stage2", "stage2_poses", "stage2_reference"),
    3: ("stage3",),
}
"""The sections of a configuration that say how each stage is trained."""

# What says how a phase is watched and fed: it changes none of its weights.
BOOKKEEPING = ("log_every", "validate_every", "checkpoint_every", "workers")


class Start(Config):
    """Published weights that training starts from, each a hub id or a local folder; None is random."""

    unet: str | None = Field(
        default=None, description="the U-Net of Stable Diffusion 1.5: denoiser and ReferenceNet"
    )
    motion: str | None = Field(
        default=None, description="a MotionAdapter of AnimateDiff: motion of the denoiser"
    )
    vae: str | None = Field(default=None, description="taken as it is: it is not trained then")
    text_encoder: str | None = Field(default=None, description="tokenizer and text encoder: the empty prompt")
    run: str | None = Field(
        default=None,
        description="a run, or 'embedded', that training goes on from in another folder; its VAE is taken as it is",
    )

    @model_validator(mode="after")
    def _starts_once(self) -> Start:
        others = [name for name in ("unet", "motion", "vae") if getattr(self, name) is not None]
        if self.run is not None and others:
            raise ValueError(
                f"run names all weights, and {others[0]} names some of them again; leave one out"
            )
        return self


class RegionWeights(Config):
    """The weights in stage 1 of errors inside the boxes of hands and faces, against 1 elsewhere."""

    hands: PositiveFloat = 1.0
    face: PositiveFloat = 1.0


class Stage1(Config):
    """Sign video diffusion model with the multi-condition encoder (section 3.4)."""

    phases: tuple[Literal["vae", "image", "motion", "detail"], ...] = ("vae", "image", "motion")
    vae: VaeTraining | None = None  # None where start.vae names one
    image: Training
    motion: Training
    detail: DetailTraining | None = Field(
        None, description="a head for what is finest, with all else as it is; after images and motion"
    )
    denoiser: Literal["trained", "frozen"] = Field(
        "trained",
        description="its spatial weights in the image phase; frozen: as they start, in the authors' code",
    )
    encoder: Literal["trained", "frozen", "drawer"] = Field(
        "trained",
        description="in the image phase; frozen: the run's own stays, so that its tokens still fit, and the run's "
        "denoiser is trained on; drawer: so, but with the encoder of the poses that it draws again, which is trained",
    )
    gradient_checkpointing: bool = Field(
        False, description="the denoiser computes activations twice and keeps fewer"
    )
    blackout: Fraction = Field(
        0.0, description="a condition of a frame is black in the image phase; 0 is off"
    )
    loss: Literal["prediction", "sample"] = Field(
        "prediction",
        description="errors of what the denoiser predicts, or of the clean latents that follow from it",
    )
    timesteps: Literal["uniform", "sigma"] = Field(
        "uniform",
        description="sigma: a share of pure noise, the others log-normal in sigma (arXiv:2206.00364)",
    )
    pure_noise: Fraction = Field(0.5, description="that share, where timesteps are drawn by sigma")
    log_sigma: tuple[float, PositiveFloat] = Field(
        (-0.2, 1.4), description="mean and deviation of sigma's logarithm, where timesteps are drawn by it"
    )
    region_weights: RegionWeights = RegionWeights()
    pixels: PixelLoss | None = Field(
        None, description="errors of decoded pixels beside those of latents; None: latents alone"
    )
    redraw: float = Field(
        0.0,
        ge=0,
        description="weight of what is misread where drawings are read back off e, by a head that ends with the phase; "
        "0 is off",
    )
    snr_gamma: float = Field(
        0.0, ge=0, description="Min-SNR weights of the loss (arXiv:2303.09556); 0 is off"
    )
    noise_offset: float = Field(0.0, ge=0, description="noise that a whole clip shares; 0 is off")
    augmentation: Fraction = Field(0.001, description="p, a condition frame comes from another clip")
    reference_dropout: Fraction = Field(
        0.0, description="share of clips trained without a reference, for CFG"
    )


class PoseTraining(Training):
    """The head that reads keypoints from embeddings."""

    decoded: Fraction = Field(
        0.0,
        description="share of frames that it reads from what their tokens decode to, as it does where a text is signed",
    )


class Stage2(Training):
    """The autoencoder (section 3.5)."""

    hand_weight: PositiveFloat = Field(
        1.0, description="how much a cell about a hand counts in Eq. 6, beside 1 elsewhere"
    )
    finger_weight: float = Field(
        0.0,
        ge=0,
        description="of misread fingers beside Eq. 6, by the pose head, which is then trained first; 0 is off",
    )


class RunConfig(Config):
    """Everything that makes a run what it is."""

    preset: str
    seed: int = 0
    size: tuple[Side, Side]  # (H, W)
    fps: Rate
    precision: Literal["no", "fp16", "bf16"] = "no"
    dataset: Choice = Field(
        Choice(name="toysign"), description="what `preprocess` reads where no source is named"
    )
    conditions: dict[str, Options]
    vae: Options
    condition_encoder: Options = Field(default_factory=dict)
    guider: Options = Field(default_factory=dict, description="an option of the denoiser")
    denoiser: DenoiserChoice
    reference_net: Options = Field(default_factory=dict, description="an option of the denoiser")
    intermediate: Literal["tokens", "coordinates"] = Field(
        "tokens", description="what is predicted from text; coordinates: the conditions' own, as in Table 6"
    )
    autoencoder: Options = Field(default_factory=dict)
    pose_head: Options = Field(default_factory=dict)
    reference_head: Options = Field(default_factory=dict)
    quantizer: Choice
    translator: Choice
    sampler: Sampler
    start: Start = Start()
    stage1: Stage1
    stage2: Stage2
    stage2_poses: PoseTraining | None = Field(
        None, description="the head that reads keypoints from embeddings; None: the run gives no poses"
    )
    stage2_reference: Training | None = Field(
        None,
        description="the head that reads off a reference picture where the signer is; None: poses are not retargeted",
    )
    stage3: Training

    @property
    def denoiser_options(self) -> Options:
        """All options of the denoiser, those in sections of their own among them."""
        apart = {name: getattr(self, name) for name in APART if getattr(self, name)}
        return merge(self.denoiser.options, apart)

    @model_validator(mode="after")
    def _trains_one_first(self) -> RunConfig:
        if self.stage2.finger_weight and self.stage2_poses is not None and self.stage2_poses.decoded:
            raise ValueError(
                "stage2.finger_weight trains tokens by what the pose head reads, and stage2_poses.decoded the head by "
                "what tokens decode to, so each would have to be first; set one of them to 0"
            )
        return self

    @model_validator(mode="after")
    def _has_clean_latents(self) -> RunConfig:
        sampler = self.sampler
        asked = (
            "stage1.loss=sample"
            if self.stage1.loss == "sample"
            else "stage1.pixels"
            if self.stage1.pixels
            else ""
        )
        if asked and sampler.prediction == "epsilon" and sampler.zero_terminal_snr:
            raise ValueError(
                f"no clean latents follow from the noise of a sample that is all noise, so {asked} needs "
                "sampler.prediction=v_prediction, or sampler.zero_terminal_snr=false"
            )
        return self


def load_config(
    preset: str = "tiny",
    file: Path | None = None,
    settings: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Merge the four layers and validate them; ConfigError lists every fault at once."""
    values: Options = {"preset": preset, **read_preset(preset)}
    if file is not None:
        values = merge(values, read_toml(file))
    for setting in settings:
        values = merge(values, parse_setting(setting))
    return parse_config(merge(values, flags or {}))


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Validate a whole configuration, as a run's `config.json` stores it."""
    try:
        return RunConfig(**values)
    except ValidationError as error:
        raise ConfigError(explain(error, prefix="configuration", known=keys_of(RunConfig))) from error


def with_conditions(config: RunConfig, names: Sequence[str]) -> RunConfig:
    """Keep only the conditions named, each with the options that it has; all of them where none is named."""
    if not names:
        return config
    chosen = {name: config.conditions.get(name, {}) for name in names}
    return parse_config({**config.model_dump(mode="json"), "conditions": chosen})


def with_steps(config: RunConfig, stage: int, steps: int | None) -> RunConfig:
    """Set the number of steps of every phase of a stage; None keeps what they have."""
    values: Options = config.model_dump(mode="json")
    for section in PHASES_OF[stage] if steps is not None else ():
        training = option(values, section)
        if training is not None:
            training["steps"] = steps
    return parse_config(values)


def presets() -> list[str]:
    """Return the names of the presets that travel with the package."""
    names = [entry.name for entry in files("signvip.presets").iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_preset(name: str) -> Options:
    """Read a preset by name; ConfigError with the nearest name for an unknown one."""
    if name not in presets():
        raise ConfigError(f"There is no preset '{name}'; {suggest(name, presets())}")
    return tomllib.loads((files("signvip.presets") / f"{name}.toml").read_text())


def default_option(key: str) -> Any:
    """Return the default of an option with a dotted key, as JSON has it; None where it must be given."""
    model: Any = RunConfig
    *sections, name = key.split(".")
    for section in sections:
        model = model.model_fields[section].annotation
    value = model.model_fields[name].get_default(call_default_factory=True)
    return None if value is PydanticUndefined else to_jsonable_python(value)
