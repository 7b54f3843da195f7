"""Trained weights as a packed checkpoint (format 1), the form that MIDI-GPT's own loaders read."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from companion.inference.checkpoints.files import ModelConfig, save_checkpoint
from companion.tokenizer import EncoderConfig
from companion.training.files import disk_faults

_CONFIG_KEYS = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")


def export(model: GPT2LMHeadModel, encoder: EncoderConfig, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write the packed checkpoint. Raises TrainingError when the disk does not take it."""
    config = ModelConfig.from_dict({key: getattr(model.config, key) for key in _CONFIG_KEYS})
    tensors = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    with disk_faults(path):
        save_checkpoint(path, config, encoder, tensors, format=1, dtype=dtype)
