"""The networks of a back-translator: pictures to features, pictures to keypoints, features to words.

Letters here: B clips, T the frames of the longest, P pictures of all clips one after the other, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Speech2TextConfig, Speech2TextForConditionalGeneration

from signvip.contracts import NUM_KEYPOINTS
from signvip.storage.finite import not_finite
from signvip_lab.backtranslation.config import STEM, TranslatorSizes
from signvip_lab.backtranslation.vocabulary import prompts

LARGEST = 5.0  # standard deviations; a keypoint that an estimator lost must not drown the others
COMPUTED = "embed_positions.weights"  # which the library fills by a formula, and stores or not by its version
CHUNK = 256  # pictures that go through a network together


class FrameNet(ModelMixin, ConfigMixin):
    """Pictures (P, 3, H, W) uint8 of any size to features (P, D): squares of four pixels, then halvings."""

    @register_to_config
    def __init__(self, size: Sequence[int], channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.size = tuple(size)
        layers = [_layer(nn.Conv2d(3, channels[0], STEM, STEM, bias=False))]
        layers += [_layer(nn.Conv2d(a, b, 3, 2, 1, bias=False)) for a, b in pairwise(channels)]
        factor = STEM * 2 ** (len(channels) - 1)
        places = (size[0] // factor) * (size[1] // factor)
        self.layers = nn.Sequential(
            *layers, nn.Flatten()
        )  # flat, not pooled: where a hand is must not be lost
        self.out = nn.Sequential(nn.Linear(places * channels[-1], width), nn.BatchNorm1d(width))

    def forward(self, pictures: Tensor) -> Tensor:
        pictures = pictures.float()
        if pictures.shape[-2:] != self.size:
            pictures = nn.functional.interpolate(pictures, self.size, mode="bilinear", antialias=True)
        return self.out(self.layers(pictures / 127.5 - 1))


class PoseReader(ModelMixin, ConfigMixin):
    """Pictures (P, 3, H, W) uint8 to keypoints (P, 128, 3) in the layout of `contracts.Clip`.

    What was not seen in half of the training frames gets confidence 0, all else 1.
    """

    mean: Tensor
    scale: Tensor
    seen: Tensor

    @register_to_config
    def __init__(self, size: Sequence[int], channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.frames = FrameNet(size, channels, width)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(width, NUM_KEYPOINTS * 2))
        self.register_buffer("mean", torch.zeros(NUM_KEYPOINTS, 2))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("seen", torch.ones(NUM_KEYPOINTS))

    def fit(self, keypoints: Tensor) -> None:
        """Take where points usually are from true keypoints (P, 128, 3)."""
        sure = (keypoints[..., 2:] >= 0.5).float()
        count = sure.sum(0).clamp(min=1)
        mean = (keypoints[..., :2] * sure).sum(0) / count
        spread = (((keypoints[..., :2] - mean) * sure) ** 2).sum(0) / count
        self.mean.copy_(mean)
        self.scale.copy_(spread.mean().sqrt().clamp(min=1e-3))
        self.seen.copy_(sure.mean(0)[:, 0] >= 0.5)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the points in standard deviations about their mean, (P, 128, 2)."""
        return self.out(self.frames(pictures)).unflatten(1, (NUM_KEYPOINTS, 2))

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """Keypoints (P, 128, 3), as fractions of the picture and with their confidence."""
        points = torch.cat([self(part) for part in pictures.split(CHUNK)]) * self.scale + self.mean
        return torch.cat([points, self.seen[:, None].expand(len(points), -1, 1)], dim=-1)


class FeatureScale(ModelMixin, ConfigMixin):
    """Features (P, D) to z-scores of the training split; what is not a number was not seen, and becomes 0."""

    mean: Tensor
    deviation: Tensor

    @register_to_config
    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from features (P, D)."""
        mean = features.nanmean(0)
        deviation = (features - mean).square().nanmean(0).sqrt()
        self.mean.copy_(mean.nan_to_num())
        self.deviation.copy_(deviation.nan_to_num(1.0).clamp(min=1e-4))

    def forward(self, features: Tensor) -> Tensor:
        return ((features - self.mean) / self.deviation).nan_to_num(0.0).clamp(-LARGEST, LARGEST)


class SignTranslator(nn.Module):
    """Frames of clips to words: features of each frame, then transformers' Speech2Text; glosses while it learns."""

    def __init__(
        self,
        front: FrameNet | FeatureScale,
        network: Speech2TextForConditionalGeneration,
        glosses: Sequence[str] = (),
        gloss_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.front, self.network, self.gloss_weight = front, network, gloss_weight
        width = network.config.d_model
        self.gloss_head = nn.Linear(width, len(glosses) + 1) if glosses else None  # 0 is CTC's blank

    def forward(self, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross-entropy of words, and of glosses by CTC; see `phases.TextPhase` for the batch."""
        features, mask = self.features(batch["rows"], batch["lengths"])
        found = self.network(
            features, attention_mask=mask, decoder_input_ids=batch["read"], labels=batch["wanted"]
        )
        loss, values = found.loss, {"words": found.loss.detach()}
        if self.gloss_head is not None:
            states = self.gloss_head(found.encoder_last_hidden_state)
            glosses = self._ctc(states, batch)
            loss, values = loss + self.gloss_weight * glosses, {**values, "glosses": glosses.detach()}
        return loss, values

    def features(self, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (P, ...) of clips one after the other to features (B, T, D) and their mask (B, T)."""
        parts = self.front(rows).split(lengths.tolist())
        features = nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
        places = torch.arange(features.shape[1], device=rows.device)
        return features, (places < lengths.to(rows.device)[:, None]).long()

    @torch.no_grad()
    def write(
        self,
        rows: Tensor,
        lengths: Tensor,
        languages: Sequence[str],
        tokenizer: PreTrainedTokenizerFast,
        beams: int,
        max_words: int,
    ) -> list[str]:
        """Return one text per clip."""
        features, mask = self.features(rows, lengths)
        written = self.network.generate(
            features, attention_mask=mask, decoder_input_ids=prompts(tokenizer, languages).to(rows.device),
            num_beams=beams, do_sample=False, max_new_tokens=max_words + 1,
        )  # fmt: skip
        texts: list[str] = tokenizer.batch_decode(written[:, 2:], skip_special_tokens=True)
        return texts

    def _ctc(self, states: Tensor, batch: Mapping[str, Any]) -> Tensor:
        steps = batch["lengths"].clone()
        for _ in range(self.network.config.num_conv_layers):
            steps = (steps - 1) // 2 + 1
        chances = states.float().log_softmax(-1).transpose(0, 1)
        # a clip with fewer steps than glosses has no alignment: its infinite loss counts as none
        return nn.functional.ctc_loss(
            chances, batch["glosses"], steps, batch["gloss_lengths"], zero_infinity=True
        )


def load_network(
    folder: Path, sizes: TranslatorSizes, features: int, tokenizer: PreTrainedTokenizerFast
) -> Speech2TextForConditionalGeneration:
    """Build what was trained, and fill it with its stored weights alone; ValueError for weights of another network.

    The library would make up those that are not there, at random.
    """
    stored = load_file(folder / "model.safetensors")
    if sizes.layers > len(stored) or sizes.halvings > len(stored):
        raise ValueError("it asks for more layers than it has weights")
    if None in (
        tokenizer.pad_token_id,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.unk_token_id,
    ):
        raise ValueError("its tokenizer lacks a token that begins, ends, fills or stands for unknown words")
    if max(tokenizer.get_vocab().values()) >= len(tokenizer):
        raise ValueError("its tokenizer has words beyond its vocabulary")
    with torch.device("meta"):  # shapes that are not those of the file take no memory
        shapes = {
            name: weight.shape
            for name, weight in build_network(sizes, features, tokenizer).state_dict().items()
            if not name.endswith(COMPUTED)
        }
    found = {name: weight for name, weight in stored.items() if not name.endswith(COMPUTED)}
    if {name: weight.shape for name, weight in found.items()} != shapes or not_finite(found) is not None:
        raise ValueError("its weights are those of another network, or not finite")
    with torch.random.fork_rng([]):
        network = build_network(sizes, features, tokenizer)
    network.load_state_dict(found, strict=False)
    return network


def build_network(
    sizes: TranslatorSizes, features: int, tokenizer: PreTrainedTokenizerFast
) -> Speech2TextForConditionalGeneration:
    """transformers' Speech2Text from its configuration, with random weights: nothing is fetched."""
    config = Speech2TextConfig(
        vocab_size=len(tokenizer),
        d_model=sizes.width,
        encoder_layers=sizes.layers,
        decoder_layers=sizes.layers,
        encoder_attention_heads=sizes.heads,
        decoder_attention_heads=sizes.heads,
        encoder_ffn_dim=sizes.feedforward,
        decoder_ffn_dim=sizes.feedforward,
        dropout=sizes.dropout,
        attention_dropout=sizes.dropout,
        num_conv_layers=sizes.halvings,
        conv_kernel_sizes=[5] * sizes.halvings,
        conv_channels=2 * sizes.width,
        input_feat_per_channel=features,
        max_source_positions=1024,
        max_target_positions=sizes.max_words + 4,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        tie_word_embeddings=False,  # as in neccam/slt
    )
    return Speech2TextForConditionalGeneration(config)


def _layer(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())
