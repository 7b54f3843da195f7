"""Starting weights from a checkpoint with another vocabulary.

All vocabularies of the family share one grammar. Rows of the embedding and of the output layer are carried over by the meaning
of a token, which is its type and value. Velocity levels are matched by the velocities that they stand for; meters, instruments
and window lengths by what they name. Tokens that the old vocabulary lacks keep their fresh rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from companion.errors import TrainingError
from companion.inference.checkpoints.files import load_checkpoint
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.vocabulary import Vocabulary, velocity_level
from companion.training.config import ModelSettings
from companion.training.network.model import PackedGPT2, build_model

_ROW_TENSORS = ("transformer.wte.weight", "lm_head.weight")
_POSITIONS = "transformer.wpe.weight"


def token_map(new: Vocabulary, old: Vocabulary) -> list[int]:
    """For every id of `new` the id of `old` that means the same, or −1."""
    values = _value_maps(new, old)
    found = []
    for token in range(new.size):
        kind, value = new.type_of(token)
        mapped = values[kind](value) if kind in values else value
        if mapped is not None and 0 <= mapped < old.domain_size(kind):
            found.append(old.id(kind, mapped))
        else:
            found.append(-1)
    return found


def _value_maps(new: Vocabulary, old: Vocabulary) -> dict[TokenType, Callable[[int], int | None]]:
    """For every type whose values are indices into a config's table: value of `new` → value of `old`."""
    levels = old.domain_size(TokenType.VELOCITY_LEVEL)
    meters, windows = list(new.config.time_signatures), new.config.num_bars_map
    same_grid = new.config.resolution == old.config.resolution
    return {
        TokenType.VELOCITY_LEVEL: lambda value: velocity_level(new.velocities[value], levels) if value else 0,
        TokenType.TIME_SIG: lambda value: old.meters.get(meters[value]),
        TokenType.INSTRUMENT: lambda value: old.instrument_classes[new.programs[value]],
        TokenType.NUM_BARS: lambda value: _index(old.config.num_bars_map, windows[value]),
        **(
            {}
            if same_grid
            else dict.fromkeys((TokenType.TIME_ABSOLUTE_POS, TokenType.NOTE_DURATION), lambda value: None)
        ),
    }


def _index(items: tuple[int, ...], item: int) -> int | None:
    return items.index(item) if item in items else None


def transfer(target: Mapping[str, Tensor], source: Mapping[str, Tensor], mapping: list[int]) -> dict[str, Tensor]:
    """`target` with every weight that `source` can supply. Raises TrainingError when the shapes of the blocks differ."""
    rows = torch.tensor(mapping)
    known = rows >= 0
    result = {}
    for name, fresh in target.items():
        if name not in source:
            raise TrainingError(f"init_from: the checkpoint has no tensor {name} (another number of layers?)")
        given = source[name].to(fresh.dtype)
        mixed = fresh.clone()
        if name in _ROW_TENSORS and given.shape[1:] == fresh.shape[1:]:
            mixed[known] = given[rows[known]]
        elif name == _POSITIONS and given.shape[1:] == fresh.shape[1:]:
            mixed[: len(given)] = given[: len(fresh)]
        elif given.shape == fresh.shape:
            mixed = given.clone()
        else:
            raise TrainingError(f"init_from: {name} is {tuple(given.shape)}, this model needs {tuple(fresh.shape)}")
        result[name] = mixed
    return result


def init_from_checkpoint(model: torch.nn.Module, vocabulary: Vocabulary, path: Path) -> int:
    """Load a checkpoint's weights into `model`. Returns the number of tokens whose rows were carried over.

    Raises CheckpointError for a broken file and TrainingError for a model of another shape.
    """
    source = load_checkpoint(path)
    mapping = token_map(vocabulary, Vocabulary(source.encoder_config))
    model.load_state_dict(transfer(model.state_dict(), source.state_dict, mapping))
    return sum(token >= 0 for token in mapping)


def load_teacher(path: Path, vocabulary: Vocabulary) -> PackedGPT2:
    """Load a frozen checkpoint to learn from. Raises CheckpointError, or TrainingError for another vocabulary."""
    source = load_checkpoint(path)
    mapping = token_map(vocabulary, Vocabulary(source.encoder_config))
    if mapping != list(range(source.config.vocab_size)):
        raise TrainingError(f"teacher {path}: its vocabulary is another one; a teacher must speak the model's own")
    shape = source.config
    settings = ModelSettings(shape.n_embd, shape.n_layer, shape.n_head, shape.n_positions)
    teacher = build_model(settings, shape.vocab_size)
    teacher.load_state_dict(dict(source.state_dict))
    return teacher.eval().requires_grad_(False)
