"""Trained weights as a packed checkpoint (format 1), the form that MIDI-GPT's own loaders read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import GPT2LMHeadModel

from companion.errors import TrainingError
from companion.tokenizer import EncoderConfig
from companion.training.files import load_tensors, save_tensors

_CONFIG_KEYS = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")


def pack(model: GPT2LMHeadModel, encoder: EncoderConfig, dtype: torch.dtype = torch.float16) -> dict[str, Any]:
    """The bundle: format_version, arch, config, encoder_config, state_dict (Hugging Face's GPT-2 keys)."""
    tensors = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in model.state_dict().items()
        if not name.endswith((".attn.bias", ".attn.masked_bias"))
    }
    return {
        "format_version": 1,
        "arch": "gpt2",
        "config": {key: getattr(model.config, key) for key in _CONFIG_KEYS},
        "encoder_config": encoder.to_dict(),
        "state_dict": tensors,
    }


def export(model: GPT2LMHeadModel, encoder: EncoderConfig, path: Path) -> None:
    """Write the packed checkpoint, fp16. Raises TrainingError when the disk does not take it."""
    save_tensors(path, pack(model, encoder))


def read_packed(path: Path) -> dict[str, Any]:
    """A packed checkpoint's bundle. Raises TrainingError when it is missing, broken or another format."""
    bundle = load_tensors(path)
    if not isinstance(bundle, dict) or not {"config", "encoder_config", "state_dict"} <= bundle.keys():
        raise TrainingError(f"{path}: not a packed checkpoint")
    return bundle
