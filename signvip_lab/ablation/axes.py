"""One axis of a grid, `KEY=V1,V2`: a dotted key of the configuration, or a short name for what the paper varies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from signvip.errors import ConfigError
from signvip.registry import plugin_class
from signvip.settings import Options, merge, parse_setting

SEED = "seed"
# How many codes a codebook of a usual size has, whatever the quantizer, so that the axis is fair: as many as FSQ with
# the levels of table 1 of Mentzer et al. (arXiv:2309.15505), which have no product of 2^k.
CODES = {128: 125, 256: 240, 512: 512, 625: 625, 1024: 1000, 2048: 1920, 4096: 4375}
SHORT = {
    "denoiser": "denoiser.name",
    "quantizer": "quantizer.name",
    "translator": "translator.name",
    "augmentation": "stage1.augmentation",
    "sampling": "translator.sampling_rate",
    "steps": "sampler.steps",
    "guidance": "sampler.guidance",
    "scheduler": "sampler.scheduler",
}

Change = Callable[[Options, Any], Options]


@dataclass(frozen=True)
class Point:
    """One value of an axis: how tables call it, and what it lays over the configuration."""

    label: Any  # a word or a number
    value: Any = None
    layer: Options | None = None  # where a study names several options at once


@dataclass(frozen=True)
class Axis:
    """A setting that is varied, and the values that it takes."""

    name: str
    points: tuple[Point, ...]

    def apply(self, values: Options, point: Point) -> Options:
        """Return the configuration with this axis at one of its points."""
        if point.layer is not None:
            return merge(values, point.layer)
        change = CHANGES.get(self.name)
        if change is not None:
            return change(values, point.value)
        return merge(values, _nested(self.key, point.value))

    @property
    def key(self) -> str:
        """The option that it varies, by its full name where it has one."""
        return SHORT.get(self.name, self.name)

    @property
    def rank(self) -> int:
        """Axes are applied in this order: names of plugins, their options, and what depends on both."""
        if self.name in CHANGES:
            return 2
        return 0 if self.key.endswith(".name") or self._layers() else 1

    def _layers(self) -> bool:
        return any(point.layer is not None for point in self.points)


def parse_axis(text: str) -> Axis:
    """Read `KEY=V1,V2,...`; ConfigError where it is none."""
    name, separator, words = text.partition("=")
    values = _split(words)
    if not separator or not name or not values:
        raise ConfigError(f"'{text}' varies nothing; write --vary KEY=V1,V2, such as --vary steps=20,50.")
    return make_axis(name, values)


def make_axis(name: str, values: Sequence[Any]) -> Axis:
    """Return an axis of values; a mapping has a `label`, and a `value` or options to lay over."""
    if name == "preset":  # a configuration only remembers its name
        raise ConfigError(
            "A preset is not one option but many; give the command once for each, with --preset and --out."
        )
    points = tuple(_point(value) for value in values)
    labels = [point.label for point in points]
    twins = sorted({str(label) for label in labels if labels.count(label) > 1})
    if twins:
        raise ConfigError(f"The axis {name} has {', '.join(twins)} twice; give each value once.")
    return Axis(name, points)


def _point(value: Any) -> Point:
    if isinstance(value, Mapping):
        layer = {key: option for key, option in value.items() if key != "label"}
        return (
            Point(value["label"], value["value"]) if "value" in layer else Point(value["label"], layer=layer)
        )
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return Point(value if plain else json.dumps(value), value)


def _split(words: str) -> list[Any]:
    """Return the values between commas, as JSON where they are JSON: lists keep their own commas."""
    try:
        return list(json.loads(f"[{words}]"))
    except json.JSONDecodeError:
        return [parse_setting(f"value={word}")["value"] for word in words.split(",") if word]


def _nested(key: str, value: Any) -> Options:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _codebook(values: Options, size: Any) -> Options:
    """Lay over the options by which the quantizer has this many codes, as its class says."""
    options_for = _said(values, "quantizer", "options_for", f"how it gets {size} codes; vary its own options")
    return merge(values, {"quantizer": options_for(CODES.get(size, size))})


def _said(values: Options, kind: str, trait: str, what: str) -> Any:
    """Return what the class of a plugin says of itself; ConfigError where it says nothing."""
    name = values[kind]["name"]
    said = getattr(plugin_class(kind, name), trait, None)
    if said is None:
        raise ConfigError(f"The {kind} {name} does not say {what}.")
    return said


def _conditions(values: Options, names: Any) -> Options:
    """`pose+hand3d`: these conditions and no others, with the options that they have."""
    return {
        **values,
        "conditions": {name: values["conditions"].get(name, {}) for name in str(names).split("+")},
    }


def _compression(values: Options, rate: Any) -> Options:
    """Set how often the autoencoder halves the grid of e: `rate` is the factor on each side, 1 for none."""
    halvings = log2(rate) if isinstance(rate, int) and rate > 0 else 0.5
    if halvings % 1:
        raise ConfigError(f"A compression rate of {rate} is not a power of two; choose 1, 2, 4, 8 ...")
    widths = list(values["autoencoder"].get("block_out_channels", (32, 64, 128)))
    widths += [widths[-1]] * (int(halvings) + 1 - len(widths))
    return merge(values, {"autoencoder": {"block_out_channels": widths[: int(halvings) + 1]}})


def _quantization(values: Options, switch: Any) -> Options:
    """`off`: levels so fine that values are nearly continuous, and a translator that predicts them by regression."""
    if switch not in ("on", "off"):
        raise ConfigError(f"Quantization is on or off, not {switch}.")
    if switch == "on":
        return values
    continuous = _said(values, "quantizer", "continuous", "how it does without quantization; take another")
    own = {key: value for key, value in values["quantizer"].items() if key != "name"}
    fine = continuous(**own)  # of the quantizer, and what the translator has to know of it
    return {
        **values,
        "quantizer": {**values["quantizer"], **fine},
        "translator": {**_regressing(values), **fine},
    }


def _prediction(values: Options, what: Any) -> Options:
    """`coordinates`: the translator predicts those of the conditions by regression, past any autoencoder."""
    if what not in ("tokens", "coordinates"):
        raise ConfigError(f"A translator predicts tokens or coordinates, not {what}.")
    if what == "tokens":
        return merge(values, {"intermediate": "tokens"})
    return {**values, "intermediate": what, "translator": _regressing(values)}


def _regressing(values: Options) -> Options:
    """Return the same translator as one that predicts values: there are no codes then, nor digits of them."""
    other = _said(values, "translator", "by_values", "which one predicts values in its place; take another")
    kept = {name: value for name, value in values["translator"].items() if name != "prediction"}
    return {**kept, "name": other}


CHANGES: dict[str, Change] = {
    "codebook": _codebook,
    "conditions": _conditions,
    "compression": _compression,
    "prediction": _prediction,
    "quantization": _quantization,
}
