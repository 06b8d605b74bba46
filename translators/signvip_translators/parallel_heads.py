"""Decoder of the translator: N parallel heads, light causal Transformer layers (appendix B), run as one."""

from __future__ import annotations

from typing import Literal, Protocol

from torch import Tensor, nn
from torch.nn import functional

from signvip_translators.stacked import StackedLinear, StackedNorm

Bias = Literal["learned", "none"]

FIRST_ROOM = 64  # frames


class FrameCache(Protocol):
    """A cache of the frames so far, which the heads keep."""

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Add frames (N * B, heads, F, channels); all keys, all values, and which count (None: all)."""
        ...


class HeadCache:
    """Keys and values (N * B, heads, room, channels) of the frames so far; the room doubles when full."""

    def __init__(self) -> None:
        self.length = 0
        self._stores: list[Tensor] = []

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, None]:
        """Add frames and return the keys and values of all frames."""
        start, self.length = self.length, self.length + keys.shape[2]
        if not self._stores or self._stores[0].shape[2] < self.length:
            self._grow(keys, start)
        for store, new in zip(self._stores, (keys, values), strict=True):
            store[:, :, start : self.length] = new
        full_keys, full_values = (store[:, :, : self.length] for store in self._stores)
        return full_keys, full_values, None

    def _grow(self, like: Tensor, used: int) -> None:
        room = max(FIRST_ROOM, 2 * self.length)
        grown = [like.new_empty(*like.shape[:2], room, like.shape[3]) for _ in range(2)]
        for old, new in zip(self._stores, grown, strict=False):
            new[:, :, :used] = old[:, :, :used]
        self._stores = grown


class ParallelHeads(nn.Module):
    """All heads at once: they share the trunk's states alone, so tokens of a frame are independent."""

    def __init__(
        self,
        count: int,
        inputs: int,
        width: int,
        attention_heads: int,
        outputs: int,
        dropout: float,
        classifier_bias: Bias = "learned",
    ) -> None:
        super().__init__()
        self.count, self.attention_heads, self.dropout = count, attention_heads, dropout
        self.enter = StackedLinear(count, inputs, width) if width != inputs else nn.Identity()
        self.norm_attention = StackedNorm(count, width)
        self.query_key_value = StackedLinear(count, width, 3 * width)
        self.attended = StackedLinear(count, width, width)
        self.norm_mlp = StackedNorm(count, width)
        self.widen = StackedLinear(count, width, 4 * width)
        self.narrow = StackedLinear(count, 4 * width, width)
        self.norm_out = StackedNorm(count, width)
        self.classify = StackedLinear(count, width, outputs, bias=classifier_bias == "learned")

    def forward(self, states: Tensor, cache: FrameCache | None = None) -> Tensor:
        """Return the outputs (N, B, F, outputs) from the trunk's states (B, F, C): with a cache, of the next frames."""
        batch, frames, _ = states.shape
        x = self.enter(states.flatten(0, 1).expand(self.count, -1, -1))  # (N, B F, width)
        x = x + self._drop(
            self.attended(self._attend(self.query_key_value(self.norm_attention(x)), batch, cache))
        )
        x = x + self._drop(self.narrow(functional.gelu(self.widen(self.norm_mlp(x)))))
        return self.classify(self.norm_out(x)).unflatten(1, (batch, frames))

    def order_by_outputs(self) -> None:
        """Store weights in the order in which one state for each head reads them fastest, until training goes on."""
        for layer in self.modules():
            if isinstance(layer, StackedLinear):
                layer.order_by_outputs()

    def _attend(
        self, x: Tensor, batch: int, cache: FrameCache | None
    ) -> Tensor:  # (N, B F, 3 C) -> (N, B F, C)
        count, rows, channels = x.shape
        x = x.view(
            count * batch, rows // batch, 3, self.attention_heads, channels // 3 // self.attention_heads
        )
        query, keys, values = x.permute(2, 0, 3, 1, 4).unbind()  # (N B, heads, F, C / heads)
        mask = None
        if cache is not None:
            keys, values, mask = cache.append(keys, values)
            assert query.shape[2] in (1, keys.shape[2])  # after the first call frames come one by one
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(
            query, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=query.shape[2] > 1
        )
        return y.transpose(1, 2).reshape(count, rows, channels // 3)

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)
