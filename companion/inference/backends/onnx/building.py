"""Builds the graphs of a checkpoint, and finds those that are built already. Needs neither torch nor ONNX Runtime's sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnxruntime

from companion.inference.backends.onnx import store
from companion.inference.backends.onnx.measuring import measure_scheme, measured_scheme
from companion.inference.backends.onnx.schemes import AUTOMATIC, SCHEMES, Scheme, automatic_scheme, checked_scheme
from companion.inference.backends.onnx.store import Stored

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import ModelConfig


def build_graphs(weights: Mapping[str, npt.NDArray[np.float32]], config: ModelConfig, scheme: Scheme) -> list[bytes]:
    """The graph for prefill, and the graph for decoding if it differs."""
    from companion.inference.backends.onnx.graph import build_graph

    graphs = [(scheme.prefill, False), (scheme.weights, True)] if scheme.byte_cache else [(scheme.weights, False)]
    return [build_graph(weights, config, kind, memory).SerializeToString() for kind, memory in graphs]


def build_quickly(path: Path, cache_dir: Path | None = None) -> bool:
    """Build the graphs of the checkpoint file at `path` without torch and store them.

    Returns False when the file is not of the usual form or the graphs cannot be stored: `OnnxBackend.from_checkpoint` builds them
    then, or says what is wrong.
    """
    from companion.inference.checkpoints.quick import read_quickly

    read = read_quickly(path)
    if read is None:
        return False
    checkpoint, weights = read
    folder = cache_dir or store.default_folder()
    width = checkpoint.config.n_embd
    scheme = measured_scheme(width, folder) or measure_scheme(width, folder)
    key = store.entry_key(store.hash_checkpoint(path), scheme, onnxruntime.__version__)
    graphs = build_graphs(weights, checkpoint.config, SCHEMES[scheme])
    encoder = checkpoint.encoder_config.to_dict()
    return store.save(folder, key, graphs, asdict(checkpoint.config), encoder, checkpoint.chord_guide) is not None


def cached_graphs(
    path: Path, *, quantization: str = "auto", cache_dir: Path | None = None
) -> tuple[Stored, str] | None:
    """The built graphs of the checkpoint file at `path` and their scheme; None if they must be built."""
    choices = AUTOMATIC if checked_scheme(quantization) == "auto" else (quantization,)
    folder = cache_dir or store.default_folder()
    try:
        contents = store.hash_checkpoint(path)
    except OSError:
        return None
    for scheme in choices:
        stored = store.find(folder, store.entry_key(contents, scheme, onnxruntime.__version__))
        if stored and (quantization != "auto" or automatic_scheme(stored.model_config["n_embd"], folder) == scheme):
            return stored, scheme
    return None
