"""What a run is made of: preset < `--config` file < `--set key=value` < flag, checked all at once.

A checkpoint carries the configuration that built it, and at inference the checkpoint wins.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from pydantic_core import PydanticUndefined, to_jsonable_python

from signvip.contracts import Config
from signvip.errors import ConfigError, suggest

Fraction = Annotated[float, Field(ge=0, le=1)]
# Above these, a number is a mistake or an attack: arrays of that size would take the machine's memory.
LARGEST_SIDE, LARGEST_RATE = 8192, 1000  # pixels, frames a second
MOST = 1_000_000  # frames or steps
Count = Annotated[int, Field(gt=0, le=MOST)]
Side = Annotated[int, Field(gt=0, le=LARGEST_SIDE)]
Rate = Annotated[float, Field(gt=0, le=LARGEST_RATE)]
SchedulerName = Literal["ddim", "ddpm", "dpm++", "unipc", "euler", "lcm"]
Options = dict[str, Any]  # of one network; its constructor is the schema, checked when it is built


class Choice(Config):
    """A plugin by name, with its options beside the name; the plugin's own `Config` checks them."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> Options:
        return dict(self.model_extra or {})


class Training(Config):
    """How one phase is trained."""

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


class VaeTraining(Training):
    """How the VAE is trained."""

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
            raise ValueError(f"noise={list(self.noise)} is no range; give the least, then the most")
        return self


PHASES_OF = {
    1: ("stage1.vae", "stage1.image", "stage1.motion"),
    2: ("stage2", "stage2_poses"),
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


class RegionWeights(Config):
    """What errors inside the boxes of hands and faces weigh in stage 1, against 1 elsewhere."""

    hands: PositiveFloat = 1.0
    face: PositiveFloat = 1.0


class Stage1(Config):
    """Sign video diffusion model with the multi-condition encoder (section 3.4)."""

    phases: tuple[Literal["vae", "image", "motion"], ...] = ("vae", "image", "motion")
    vae: VaeTraining | None = None  # None where start.vae names one
    image: Training
    motion: Training
    denoiser: Literal["trained", "frozen"] = Field(
        "trained",
        description="its spatial weights in the image phase; frozen: as they start, in the authors' code",
    )
    gradient_checkpointing: bool = Field(
        False, description="U-Nets and guider compute activations twice and keep fewer"
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
    snr_gamma: float = Field(
        0.0, ge=0, description="Min-SNR weights of the loss (arXiv:2303.09556); 0 is off"
    )
    noise_offset: float = Field(0.0, ge=0, description="noise that a whole clip shares; 0 is off")
    augmentation: Fraction = Field(0.001, description="p, a condition frame comes from another clip")
    reference_dropout: Fraction = Field(
        0.0, description="share of clips trained without a reference, for CFG"
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


class Sampler(Config):
    """Noise schedule, and how videos are sampled."""

    scheduler: SchedulerName = Field("ddim", description="lcm: for weights that were distilled for few steps")
    train_timesteps: Count = 1000
    beta_start: Annotated[float, Field(gt=0, lt=1)] = 0.00085
    beta_end: Annotated[float, Field(gt=0, lt=1)] = 0.012
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "scaled_linear"
    prediction: Literal["epsilon", "v_prediction", "sample"] = "epsilon"
    zero_terminal_snr: bool = False
    timestep_spacing: Literal["leading", "trailing", "linspace", "sigma"] = Field(
        "leading", description="sigma: pure noise, then a geometric row of noise levels from 3 to 0.2"
    )
    steps: Count = 50
    guidance: float = Field(3.5, ge=0)
    guidance_start: Fraction = Field(
        0.0, description="share of the steps before guidance; above 0 approximate"
    )
    guidance_stop: Fraction = Field(
        1.0,
        description="share of the steps after which there is none (arXiv:2404.07724); below 1 approximate",
    )
    reuse_every: Count = Field(
        1, description="the inner blocks run in one of so many steps (arXiv:2312.00858); above 1 approximate"
    )
    window: Count = Field(24, description="frames denoised together")
    overlap: int = Field(4, ge=0, description="frames shared by neighbouring windows")
    tail: Literal["shifted", "reflected"] = Field(
        "shifted", description="the last window; reflected: as in the authors' code"
    )
    window_batch: Count = Field(1, description="windows in one call: more memory, and a fuller GPU")
    max_frames: Count = 400


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
    guider: Options = Field(default_factory=dict)
    denoiser: Options
    reference_net: Options = Field(default_factory=dict)
    intermediate: Literal["tokens", "coordinates"] = Field(
        "tokens", description="what is predicted from text; coordinates: the conditions' own, as in Table 6"
    )
    autoencoder: Options = Field(default_factory=dict)
    pose_head: Options = Field(default_factory=dict)
    quantizer: Choice
    translator: Choice
    sampler: Sampler
    start: Start = Start()
    stage1: Stage1
    stage2: Stage2
    stage2_poses: Training | None = Field(
        None, description="the head that reads keypoints from embeddings; None: the run gives no poses"
    )
    stage3: Training

    @model_validator(mode="after")
    def _has_clean_latents(self) -> RunConfig:
        sampler = self.sampler
        if self.stage1.loss == "sample" and sampler.prediction == "epsilon" and sampler.zero_terminal_snr:
            raise ValueError(
                "no clean latents follow from the noise of a sample that is all noise, so stage1.loss=sample needs "
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
    """Give every phase of a stage so many steps; None keeps what they have."""
    values: Options = config.model_dump(mode="json")
    for section in PHASES_OF[stage] if steps is not None else ():
        training = option(values, section)
        if training is not None:
            training["steps"] = steps
    return parse_config(values)


def presets() -> list[str]:
    """Names of the presets that travel with the package."""
    names = [entry.name for entry in files("signvip.presets").iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_preset(name: str) -> Options:
    """Read a preset by name; ConfigError with the nearest name where there is none."""
    if name not in presets():
        raise ConfigError(f"There is no preset '{name}'; {suggest(name, presets())}")
    return tomllib.loads((files("signvip.presets") / f"{name}.toml").read_text())


def parse_setting(text: str) -> Options:
    """`a.b=1` as {"a": {"b": 1}}; values are JSON where they parse as JSON, else plain words."""
    key, separator, word = text.partition("=")
    if not separator or not key:
        raise ConfigError(f"'{text}' is no setting; write --set key=value, such as --set stage2.steps=500.")
    try:
        value = json.loads(word)
    except json.JSONDecodeError:
        value = word
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Options:
    """Lay one tree of options over another; another plugin's name drops the options of the first."""
    if over.get("name", base.get("name")) != base.get("name"):
        return dict(over)
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def option(values: Mapping[str, Any], key: str) -> Any:
    """What stands at a dotted key, such as `start.vae`."""
    for part in key.split("."):
        values = values[part]
    return values


def default_option(key: str) -> Any:
    """What an option with a dotted key is where nobody gives it, as JSON has it; None where it must be given."""
    model: Any = RunConfig
    *sections, name = key.split(".")
    for section in sections:
        model = model.model_fields[section].annotation
    value = model.model_fields[name].get_default(call_default_factory=True)
    return None if value is PydanticUndefined else to_jsonable_python(value)


def explain(error: ValidationError, prefix: str, known: Collection[str]) -> str:
    """One sentence for all faults of a pydantic error, with the nearest known name for unknown keys."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "value"
        if fault["type"] == "extra_forbidden":
            faults.append(f"unknown key '{where}' ({_nearest(where, known)})")
        elif fault["type"] == "missing":
            faults.append(f"'{where}' has to be given")
        else:
            faults.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
    return f"{prefix}: {'; '.join(faults)}"


def _nearest(key: str, known: Collection[str]) -> str:
    """What to write for a key that is unknown: the same word where it belongs, else the nearest one."""
    section, _, name = key.rpartition(".")
    elsewhere = [other for other in known if _last(other) == name and other != key]
    if elsewhere and any("." in other for other in known):
        return f"write {' or '.join(sorted(elsewhere))}"
    beside = [_last(other) for other in known if other.rpartition(".")[0] == section]
    others = [other for other in beside or map(_last, known) if other != name]
    return suggest(name, others)


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def keys_of(model: type[Config], section: str = "") -> list[str]:
    """The keys of a configuration, those of its sections with a dot."""
    keys = []
    for name, field in model.model_fields.items():
        keys.append(section + name)
        for kind in get_args(field.annotation) or (field.annotation,):
            if isinstance(kind, type) and issubclass(kind, Config) and kind is not Choice:
                keys += keys_of(kind, f"{section}{name}.")
    return keys


def read_toml(file: Path) -> Options:
    """Read a `--config` file; ConfigError where it is missing or no TOML."""
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise ConfigError(f"There is no configuration file {file}; give the path of a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML ({error}); mend it and start again.") from error
