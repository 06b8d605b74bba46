"""Small folders in the layouts of the hub, with random weights: what a test gives where a user gives an id."""

from __future__ import annotations

import json
from pathlib import Path

import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_clip(folder: Path, width: int = 16) -> Path:
    """`tokenizer` and `text_encoder` of a Stable Diffusion folder: CLIP over single letters, 12 places."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(str(folder), model_max_length=12).save_pretrained(folder / "tokenizer")
    config = CLIPTextConfig(
        vocab_size=len(words),
        max_position_embeddings=12,
        eos_token_id=1,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    return folder


def write_sentence_encoder(folder: Path, width: int = 16, out: int = 6) -> Path:
    """DistilBERT over single letters, mean pooling and a dense layer, as sentence-transformers stores them."""
    from safetensors.torch import save_file
    from transformers import BertTokenizerFast, DistilBertConfig, DistilBertModel

    folder.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast.from_pretrained(str(folder), model_max_length=128)
    tokenizer.save_pretrained(folder)
    config = DistilBertConfig(
        vocab_size=len(words),
        dim=width,
        n_heads=2,
        n_layers=2,
        hidden_dim=2 * width,
        max_position_embeddings=128,
    )
    DistilBertModel(config).save_pretrained(folder)
    dense = folder / "2_Dense"
    dense.mkdir()
    save_file({"linear.weight": torch.randn(out, width)}, dense / "model.safetensors")
    return folder
