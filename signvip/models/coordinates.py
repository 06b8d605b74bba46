"""Conditions predicted directly (Table 6): their coordinates in the place of compressed, quantized tokens.

A token is one number of a condition, such as the x of a fingertip, in one of `levels` steps of its range: at 1024, a
sixteenth of a pixel in a frame of 64. Nothing is trained. What a translator predicts is drawn again, and goes through
the condition encoder as the true conditions do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from signvip.errors import ConfigError, DataError, MismatchError
from signvip.models.condition_encoder import ConditionEncoder
from signvip.models.pose_drawer import embed_drawings
from signvip.models.tokenizer import Tokenizer
from signvip.registry import build, drawing

Arrays = Mapping[str, Mapping[str, np.ndarray]]
"""What is stored of a clip: of each condition, arrays by name, with a row for each frame."""


class Coordinates(Tokenizer, ModelMixin):  # diffusers looks for the name ModelMixin in this module
    """Every number of every condition is a token of its frame: conditions in order, their arrays by name.

    `rows` are (condition, array, shape of a frame's row), `encoder` the options of the run's condition encoder. Lists,
    because the order of conditions matters and diffusers stores mappings by name.
    """

    @register_to_config
    def __init__(
        self,
        *,
        conditions: Sequence[tuple[str, Mapping[str, Any]]],
        rows: Sequence[tuple[str, str, Sequence[int]]],
        size: tuple[int, int],
        encoder: Mapping[str, Any],
        levels: int = 1024,
    ) -> None:
        super().__init__()
        self.painters = {name: build("condition", name, **options) for name, options in conditions}
        self.rows = [(name, key, tuple(row)) for name, key, row in rows]
        self.size, self.levels = (size[0], size[1]), levels
        # Not named `encoder`: diffusers would answer with the option of that name instead of the module.
        self.condition_encoder = ConditionEncoder(**encoder)
        self.register_buffer("low", torch.zeros(self.tokens_per_frame))
        self.register_buffer("high", torch.ones(self.tokens_per_frame))

    @classmethod
    def measure(
        cls,
        clips: Iterable[Arrays],
        encoder: ConditionEncoder,
        *,
        conditions: Mapping[str, Mapping[str, Any]],
        size: tuple[int, int],
    ) -> Coordinates:
        """Take shapes and ranges from training clips; ConfigError where a condition is not made of coordinates.

        All points share one range for x, one for y, and so on: an error of a hand counts as much as one of a hip.
        """
        shapes: dict[tuple[str, str], tuple[int, ...]] = {}
        low: dict[tuple[str, str], np.ndarray] = {}
        high: dict[tuple[str, str], np.ndarray] = {}
        for arrays in clips:
            for name, key, array in _walk(arrays, conditions):
                place, columns = (name, key), array.reshape(-1, array.shape[-1])
                shapes[place] = array.shape[1:]
                low[place] = np.minimum(low.get(place, np.inf), columns.min(axis=0))
                high[place] = np.maximum(high.get(place, -np.inf), columns.max(axis=0))
        if not shapes:
            raise DataError(
                "There are no clips to take coordinates from; make shards with: signvip preprocess"
            )
        tokenizer = cls(
            conditions=list(conditions.items()),
            rows=[(*place, shape) for place, shape in shapes.items()],
            size=size,
            encoder={key: value for key, value in encoder.config.items() if not key.startswith("_")},
        )
        tokenizer.condition_encoder.load_state_dict(encoder.state_dict())
        tokenizer._set_ranges(low, high)
        return tokenizer

    def _set_ranges(
        self, low: Mapping[tuple[str, str], np.ndarray], high: Mapping[tuple[str, str], np.ndarray]
    ) -> None:
        for buffer, ends in ((self.low, low), (self.high, high)):
            parts = [np.tile(ends[name, key], prod(row[:-1])) for name, key, row in self.rows]
            buffer.copy_(torch.from_numpy(np.concatenate(parts).astype(np.float32)))
        self.high.clamp_(min=self.low + 1e-6)  # what never moves

    @property
    def tokens_per_frame(self) -> int:
        return sum(prod(row) for _, _, row in self.rows)

    @property
    def vocab_size(self) -> int:
        return self.levels

    @property
    def decoding(self) -> nn.Module:
        return self.condition_encoder

    def encode_arrays(self, arrays: Arrays) -> Tensor:
        """Return the stored keypoints of a clip as tokens (F, N); DataError where a condition has other points."""
        found = {(name, key): array for name, key, array in _walk(arrays, self.painters)}
        shapes = {place: array.shape[1:] for place, array in found.items()}
        if shapes != {(name, key): row for name, key, row in self.rows}:
            raise DataError(
                "A clip has other coordinates than those that training began with; make all shards with one recipe "
                "of signvip preprocess."
            )
        parts = [found[name, key].reshape(len(found[name, key]), -1) for name, key, _ in self.rows]
        values = torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32)).to(self.low)
        share = (values - self.low) / (self.high - self.low)
        return (share.clamp(0, 1) * (self.levels - 1)).round().long()

    def arrays(self, tokens: Tensor) -> dict[str, dict[str, np.ndarray]]:
        """Tokens (F, N) as conditions store them."""
        if tokens.ndim != 2 or tokens.shape[1] != self.tokens_per_frame:
            raise MismatchError(
                f"Tokens of shape {tuple(tokens.shape)} do not have {self.tokens_per_frame} to a frame; "
                "make them again with: signvip tokenize"
            )
        values = self.low + tokens.to(self.low) / (self.levels - 1) * (self.high - self.low)
        parts = values.float().cpu().split([prod(row) for _, _, row in self.rows], dim=1)
        found: dict[str, dict[str, np.ndarray]] = {}
        for (name, key, row), part in zip(self.rows, parts, strict=True):
            found.setdefault(name, {})[key] = part.unflatten(1, row).numpy()
        return found

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    def decode_frames(self, tokens: Tensor, chunk: int = 8) -> Tensor:
        """Draw what tokens (F, N) say, and encode it: e (F, C, h, w)."""
        arrays = self.arrays(tokens)
        drawn = [painter.draw(arrays[name], self.size) for name, painter in self.painters.items()]
        return embed_drawings(self.condition_encoder, drawn, chunk)


def _walk(arrays: Arrays, conditions: Iterable[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    for name in conditions:
        for key, array in sorted(arrays[name].items()):
            if array.ndim < 2 or array.dtype.kind != "f":
                how = " ".join(map(drawing, ("keypoints", "hands")))
                raise ConfigError(
                    f"The condition {name} holds '{key}', which are not coordinates to predict; take conditions made "
                    f"of points with {how}, or intermediate=tokens."
                )
            yield name, key, array
