"""The reference engine: Hugging Face's GPT2LMHeadModel in float32. It is slow and exact; the fast engines are compared with it.

It knows tokens, positions and a cache, and nothing of music, grammar or sampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from companion.errors import GenerationError
from companion.inference.backends.base import Cache, Ids, Logits

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint, ModelConfig


def build_model(config: ModelConfig) -> Any:
    """An untied GPT2LMHeadModel of these dimensions with random weights, without dropout, in evaluation mode."""
    from transformers import GPT2Config, GPT2LMHeadModel

    settings = GPT2Config(
        vocab_size=config.vocab_size,
        n_positions=config.n_positions,
        n_embd=config.n_embd,
        n_layer=config.n_layer,
        n_head=config.n_head,
        tie_word_embeddings=False,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(settings).eval()


class ReferenceCache:
    """Keys and values as transformers keeps them, and the tokens they came from."""

    def __init__(self, batch: int) -> None:
        from transformers import DynamicCache

        self.state: Any = DynamicCache()
        self._batch = batch
        self._ids = np.zeros(0, dtype=np.int64)
        self._positions = np.zeros(0, dtype=np.int64)

    @property
    def length(self) -> int:
        return len(self._ids)

    @property
    def batch(self) -> int:
        return self._batch

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        return self._ids, self._positions

    def truncate(self, length: int) -> None:
        """Forget everything after the first `length` tokens."""
        if length < self.length:
            _crop(self.state, length)
            self._ids, self._positions = self._ids[:length], self._positions[:length]

    def record(self, ids: Ids, positions: Ids) -> None:
        """Record the ids and positions that row 0 was fed."""
        self._ids = np.concatenate([self._ids, ids])
        self._positions = np.concatenate([self._positions, positions])


def _crop(state: Any, length: int) -> None:
    for layer in state.layers:
        if layer.keys is not None:
            layer.keys = layer.keys[..., :length, :]
            layer.values = layer.values[..., :length, :]


class ReferenceBackend:
    """A Backend on the CPU (or any torch device)."""

    name = "reference"

    def __init__(self, model: Any, vocab_size: int, n_positions: int, device: str = "cpu") -> None:
        self._model: Any = model.to(device)
        self._device = device
        self.vocab_size = vocab_size
        self.n_positions = n_positions

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cpu") -> ReferenceBackend:
        """Build the model and load the checkpoint's weights into it."""
        model = build_model(checkpoint.config)
        model.load_state_dict(dict(checkpoint.state_dict), strict=True)
        return cls(model, checkpoint.config.vocab_size, checkpoint.config.n_positions, device)

    def new_cache(self, batch: int = 1) -> ReferenceCache:
        """An empty cache for `batch` sequences."""
        return ReferenceCache(batch)

    @torch.inference_mode()
    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        """Feed ids [batch, T] at positions [batch, T]. Returns logits [batch, vocab] after the last. See Backend.forward."""
        assert isinstance(cache, ReferenceCache)
        before = cache.length
        self._check(before, ids, positions)
        try:
            output = self._model(
                input_ids=torch.tensor(ids).to(self._device),
                position_ids=torch.tensor(positions).to(self._device),
                past_key_values=cache.state,
                use_cache=True,
                logits_to_keep=1,
            )
        except Exception as error:
            _crop(cache.state, before)
            raise GenerationError(f"the model failed: {type(error).__name__}: {error}") from error
        cache.record(ids[0], positions[0])
        return output.logits[:, -1].float().cpu().numpy()

    def _check(self, before: int, ids: Ids, positions: Ids) -> None:
        if ids.ndim != 2 or ids.shape != positions.shape or not ids.shape[1]:
            raise GenerationError(
                f"ids {ids.shape} and positions {positions.shape} must be equal, not empty and [batch, T]"
            )
        if before + ids.shape[1] > self.n_positions or positions.max() >= self.n_positions or positions.min() < 0:
            raise GenerationError(f"the model reads at most {self.n_positions} tokens")
        if ids.max() >= self.vocab_size or ids.min() < 0:
            raise GenerationError(f"token ids must be in 0..{self.vocab_size - 1}")

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        """Add tokens [start, end) of row 0 of `source`. See Backend.append."""
        from transformers.cache_utils import DynamicLayer

        assert isinstance(cache, ReferenceCache)
        assert isinstance(source, ReferenceCache)
        for index, other in enumerate(source.state.layers):
            if index == len(cache.state.layers):
                cache.state.layers.append(DynamicLayer())
            layer: Any = cache.state.layers[index]
            rows = [part[:1, :, start:end].repeat(cache.batch, 1, 1, 1) for part in (other.keys, other.values)]
            if layer.keys is None:
                layer.lazy_initialization(*rows)
                layer.keys, layer.values = rows
            else:
                layer.keys = torch.cat([layer.keys, rows[0]], dim=2)
                layer.values = torch.cat([layer.values, rows[1]], dim=2)
        cache.record(*(part[start:end] for part in source.tokens))

    def close(self) -> None:
        """Free the model's memory."""
        self._model = None
