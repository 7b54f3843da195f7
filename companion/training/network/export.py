"""Writes trained weights as a packed checkpoint (format 1), which MIDI-GPT's own loaders can read."""

from __future__ import annotations

from pathlib import Path

import torch

from companion.inference.checkpoints.files import load_checkpoint, save_checkpoint
from companion.tokenizer import EncoderConfig
from companion.training.network.model import PackedGPT2
from companion.training.run.files import disk_faults


def export(
    model: PackedGPT2,
    encoder: EncoderConfig,
    path: Path,
    dtype: torch.dtype = torch.float16,
    chord_guide: bool = False,
) -> None:
    """Write the packed checkpoint. Raises TrainingError when it cannot be written.

    chord_guide: the model was trained with chord guides (`companion.harmony.guide`). The file states this.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    with disk_faults(path):
        save_checkpoint(path, model.config, encoder, tensors, format=1, dtype=dtype, chord_guide=chord_guide)


def mark_chord_guide(source: Path, target: Path, chord_guide: bool = True) -> None:
    """Write the checkpoint file `source` to `target` with the statement that it was, or was not, trained with chord guides.

    Weights are stored in half precision, as `export` stores them. Raises CheckpointError for a file that is no checkpoint.
    """
    found = load_checkpoint(source)
    save_checkpoint(
        target,
        found.config,
        found.encoder_config,
        found.state_dict,
        format=1,
        dtype=torch.float16,
        chord_guide=chord_guide,
    )
