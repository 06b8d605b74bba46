"""Any registered denoiser as a model that saves and loads itself (section 3.4, stage I)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from signvip.contracts import Denoiser, DetailedDenoiser, Phase, Say
from signvip.errors import ConfigError
from signvip.registry import build, registry

Model = TypeVar("Model", bound=ModelMixin)
Load = Callable[[str, type[Any]], Any]
"""Reads the part of a run that is stored in a folder of this name, as this class."""

WITHOUT = "without reference"  # in a cache: that of the unconditional half

INDEXED = {
    "denoiser": ["signvip.models.video_diffusion.denoiser", "Denoiser"],
    "guider": ["signvip.models.video_diffusion.guider", "Guider"],
    "reference_net": ["signvip.models.video_diffusion.reference", "ReferenceNet"],
}
"""How `model_index.json` names parts that a denoiser stores apart: as before there were other denoisers."""


class VideoDenoiser(ModelMixin, ConfigMixin):
    """A denoiser plugin by name, with its options and the sizes of what it reads.

    `likeness` tells what is usual among the references of its training, as `data.likeness.Likeness`. A `network` that
    is there already is taken as it is.
    """

    ignore_for_config = ["network"]  # noqa: RUF012 (diffusers' own)

    @register_to_config
    def __init__(
        self,
        denoiser: str,
        channels: int,
        embedding_channels: int | None = None,  # None: its networks are stored apart, and know
        denoiser_config: dict[str, Any] | None = None,
        motion: bool = False,
        likeness: dict[str, Any] | None = None,
        network: Denoiser | None = None,
    ) -> None:
        super().__init__()
        if network is None:
            sizes = {"channels": channels, "embedding_channels": embedding_channels}
            network = build("denoiser", denoiser, **sizes, **(denoiser_config or {}))
            network = network.with_motion() if motion else network
        self.network: Denoiser = network

    @classmethod
    def around(cls, name: str, network: Denoiser, **options: Any) -> VideoDenoiser:
        """Return the model of a denoiser that is there already."""
        return cls(name, network.channels, network=network, **options)

    @property
    def channels(self) -> int:
        return self.network.channels

    @property
    def window(self) -> int | None:
        return self.network.window

    @property
    def timed(self) -> bool:
        return is_timed(self.network)

    @property
    def has_motion(self) -> bool:
        """Return whether it sees clips, not only single frames."""
        return bool(self.learning("motion"))

    @property
    def has_detail(self) -> bool:
        """Return whether it has a head for detail."""
        return bool(self.learning("detail"))

    def parts(self) -> dict[str, ModelMixin]:
        """Return the networks to store, by the names of their folders: each apart, or all in one."""
        return {name: getattr(self.network, name) for name in getattr(self.network, "stores", {})} or {
            "denoiser": self
        }

    @property
    def likeness(self) -> dict[str, Any] | None:
        """The usual range of the references of its training; None where that is not known."""
        return next((part.config["likeness"] for part in self._parts_that_know()), None)

    def note_likeness(self, likeness: dict[str, Any] | None) -> None:
        """Store what is usual among the references that it was trained on."""
        for part in self._parts_that_know():
            part.register_to_config(likeness=likeness)

    def _parts_that_know(self) -> list[ModelMixin]:
        return [part for part in self.parts().values() if "likeness" in part.config]

    # Offloaded weights are fetched for each of these, as diffusers does for `forward`.
    @apply_forward_hook
    def reference(self, latents: Tensor, timestep: Tensor | int) -> Any:
        return self.network.reference(latents, timestep)

    @apply_forward_hook
    def prepare(self, reference: Any) -> Any:
        return prepared(self.network, reference)

    @apply_forward_hook
    def guide(self, e: Tensor) -> Any:
        return self.network.guide(e)

    @apply_forward_hook
    def predict(
        self,
        noisy: Tensor,
        timestep: Tensor | int,
        guide: Any,
        reference: Any | None,
        cache: dict[str, Any] | None = None,
    ) -> Tensor:
        return self.network.predict(noisy, timestep, guide, reference, cache)

    def before_detail(self, noisy: Tensor, timestep: Tensor | int, guide: Any, reference: Any) -> Tensor:
        """Return what the head for detail reads (B, F, C, h, w)."""
        return self._detailed().before_detail(noisy, timestep, guide, reference)

    def refine(self, read: Tensor) -> Tensor:
        """Predict from what `before_detail` gave, or from squares of it."""
        return self._detailed().refine(read)

    @apply_forward_hook
    def predict_both(
        self,
        noisy: Tensor,
        timestep: Tensor | int,
        guide: Any,
        reference: Any,
        cache: dict[str, Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        return predict_both(self.network, noisy, timestep, guide, reference, cache)

    def phases(self) -> Mapping[Phase, Sequence[nn.Parameter]]:
        return self.network.phases()

    def learning(self, phase: Phase, *, frozen: bool = False) -> set[int]:
        """Identities of the parameters that a phase trains; `frozen` leaves out the backbone.

        ConfigError for a denoiser without one.
        """
        found = {id(weight) for weight in self.phases().get(phase, ())}
        return found - self._backbone() if frozen else found

    def _backbone(self) -> set[int]:
        backbone = getattr(self.network, "backbone", None)
        if backbone is None:
            raise ConfigError(
                f"The denoiser {self.config['denoiser']} has no backbone to leave as it starts; set "
                "stage1.denoiser=trained."
            )
        return {id(weight) for weight in backbone.parameters()}

    def learn(self, phase: Phase, *, frozen: bool = False) -> None:
        """Let what a phase trains ask for gradients, and nothing else of the denoiser."""
        learning = self.learning(phase, frozen=frozen)
        for weight in self.parameters():
            weight.requires_grad_(id(weight) in learning)

    def with_motion(self) -> VideoDenoiser:
        options = {name: value for name, value in self.config.items() if not name.startswith("_")}
        return type(self)(**{**options, "motion": True, "network": self.network.with_motion()})

    def _detailed(self) -> DetailedDenoiser:
        """Return a denoiser with a head for detail as such; ConfigError for one that knows none."""
        if not isinstance(self.network, DetailedDenoiser):
            raise ConfigError(
                f"The denoiser {self.config['denoiser']} has no head for detail; leave detail out of stage1.phases."
            )
        return self.network

    def with_detail(self) -> VideoDenoiser:
        """Return the denoiser with a new head for detail; ConfigError for one that knows none."""
        options = {name: value for name, value in self.config.items() if not name.startswith("_")}
        return type(self)(**{**options, "network": self._detailed().with_detail()})

    def start(self, sources: Mapping[str, str], say: Say) -> None:
        self.network.start(sources, say)

    def enable_gradient_checkpointing(self, *_: Any) -> None:
        """Compute activations twice and keep fewer; ConfigError for a denoiser that cannot."""
        enable = getattr(self.network, "enable_gradient_checkpointing", None)
        if enable is None:
            raise ConfigError(
                f"The denoiser {self.config['denoiser']} knows no gradient checkpointing; set "
                "stage1.gradient_checkpointing=false."
            )
        enable()

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile what the denoiser says is to be compiled."""
        if isinstance(self.network, nn.Module):
            self.network.compile(*args, **options)

    def save_pretrained(self, save_directory: Any, **options: Any) -> None:
        """Save it; networks that are stored apart go to folders beside the one that is named."""
        for name, part in self.parts().items():
            if part is self:
                super().save_pretrained(save_directory, **options)
            else:
                part.save_pretrained(Path(save_directory).parent / name, **options)


def is_timed(denoiser: Denoiser) -> bool:
    """Return whether a denoiser's reference depends on the timestep."""
    return bool(getattr(denoiser, "timed", False))


def prepared(denoiser: Denoiser, reference: Any) -> Any:
    """Return what many calls read of one reference."""
    prepare = getattr(denoiser, "prepare", None)
    return reference if prepare is None else prepare(reference)


def predict_both(
    denoiser: Denoiser,
    noisy: Tensor,
    timestep: Tensor | int,
    guide: Any,
    reference: Any,
    cache: dict[str, Any] | None,
) -> tuple[Tensor, Tensor]:
    """Predictions without and with the reference: in one call where a denoiser has one for both."""
    both = getattr(denoiser, "predict_both", None)
    if both is not None:
        found: tuple[Tensor, Tensor] = both(noisy, timestep, guide, reference, cache)
        return found
    seen = denoiser.predict(noisy, timestep, guide, reference, cache)
    # the other half sees something else, and has a cache of its own, which the first call never finds
    other = None if cache is None else cache.setdefault(WITHOUT, {})
    return denoiser.predict(noisy, timestep, guide, None, other), seen


def stores(name: str) -> dict[str, type[ModelMixin]]:
    """Return the classes of what a denoiser stores, by the names of its folders."""
    apart = getattr(registry().get("denoiser", name), "stores", None)
    return dict(apart) if apart else {"denoiser": VideoDenoiser}


def read_denoiser(name: str, load: Load) -> VideoDenoiser:
    """Read a denoiser from the folders of a run."""
    kinds = stores(name)
    parts = {part: load(part, kind) for part, kind in kinds.items()}
    if kinds["denoiser"] is VideoDenoiser:
        whole: VideoDenoiser = parts["denoiser"]
        return whole
    cls: Any = registry().get("denoiser", name)
    return VideoDenoiser.around(name, cls.of(parts))
