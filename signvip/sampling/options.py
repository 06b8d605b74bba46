"""All options of the sampler: those of a run, those of one call, and which of the first a call may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from signvip.contracts import Config
from signvip.settings import Count, Fraction

SchedulerName = Literal["ddim", "ddpm", "dpm++", "unipc", "euler", "lcm"]
OF_THE_RUN = (
    "steps",
    "guidance",
    "guidance_start",
    "guidance_stop",
    "reuse_every",
    "window_batch",
    "guided_by",
    "retarget",
)
"""What a call may put in the place of a run's own."""
OF_A_PIPELINE = (*OF_THE_RUN, "window", "overlap", "tail", "max_frames")
"""What a stored pipeline keeps of a run's sampler section."""


GuidedBy = Literal["tokens", "poses"]
Retarget = Literal["none", "parts"]


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
    guided_by: GuidedBy = Field(
        "tokens",
        description="what a text's tokens decode to, as in the paper; or the poses that a pose head reads from that, "
        "drawn again",
    )
    retarget: Retarget = Field(
        "none",
        description="poses that guide; parts: head and body are moved and scaled to where the reference has them",
    )


@dataclass(frozen=True)
class GenerateOptions:
    """The sampling options of one call, and its device; None is the run's own default."""

    steps: int | None = None
    guidance: float | None = None
    guidance_start: float | None = None
    guidance_stop: float | None = None
    reuse_every: int | None = None
    window_batch: int | None = None
    guided_by: str | None = None
    retarget: str | None = None
    scheduler: str | None = None
    seed: int = 0
    language: str | None = None
    max_frames: int | None = None
    temperature: float = 0.0
    top_k: int | None = None
    device: str | None = None
    dtype: str | None = None
    compile: bool = False
    offload: bool = False


def sampler_options(config: Sampler) -> dict[str, Any]:
    """Return what a pipeline keeps of a run's sampler section."""
    return {name: getattr(config, name) for name in OF_A_PIPELINE}
