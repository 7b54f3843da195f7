"""What a checkpoint can do, read from what is inside the file and never from its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.inference.requests.request import MASK_MODES
from companion.inference.requests.validation import supported_mask_modes
from companion.tokenizer import EncoderConfig, TokenType, Vocabulary
from companion.tokenizer import attributes as attribute_levels

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

SWITCHES = {"velocity": TokenType.USE_VELOCITY, "microtiming": TokenType.USE_MICROTIMING}
SHIPPED_ENCODERS = ("yellow", "ghost", "expressive")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """num_bars_map: the window lengths that `model_dim` may take. attributes: those that can be controlled.

    chord_guide: the model was trained with chord guides (`companion.harmony.guide`). genres, switches: the controls of a whole
    piece; "velocity" and "microtiming" can be switched off. unknown_controls: controls of newer checkpoints, unknown here.
    """

    name: str
    path: str
    num_bars_map: tuple[int, ...]
    mask_modes: tuple[str, ...]
    microtiming: bool
    velocity_levels: int
    attributes: tuple[str, ...]
    parameters: int
    vocab_size: int
    n_positions: int
    infill: bool
    chord_guide: bool = False
    genres: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    unknown_controls: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def capabilities(checkpoint: Checkpoint) -> Capabilities:
    """What this checkpoint can do."""
    config = checkpoint.config
    known = encoder_capabilities(
        checkpoint.encoder_config, checkpoint.name, checkpoint.path, config.parameters, config.n_positions
    )
    return replace(known, chord_guide=checkpoint.chord_guide)


def encoder_capabilities(
    encoder_config: EncoderConfig, name: str, path: Path | str = "", parameters: int = 0, n_positions: int = 0
) -> Capabilities:
    """What any checkpoint with this encoder config can do."""
    vocabulary = Vocabulary(encoder_config)
    return Capabilities(
        name=name,
        path=str(path),
        num_bars_map=tuple(sorted(encoder_config.num_bars_map)),
        mask_modes=supported_mask_modes(vocabulary),
        microtiming=TokenType.DELTA in vocabulary,
        velocity_levels=vocabulary.domain_size(TokenType.VELOCITY_LEVEL),
        attributes=tuple(name for name in encoder_config.attribute_names if name in attribute_levels.SPECS),
        parameters=parameters,
        vocab_size=vocabulary.size,
        n_positions=n_positions,
        infill=TokenType.FILL_IN_START in vocabulary,
        genres=tuple(genre for genre, _ in encoder_config.genre_groups),
        switches=tuple(name for name, token_type in SWITCHES.items() if token_type in vocabulary),
        unknown_controls=encoder_config.unknown_controls,
    )


def matrix_markdown(rows: Sequence[Capabilities]) -> str:
    """A table of mask modes × checkpoints; each cell lists the model_dim values that work."""
    lines = [
        "| mask_mode | " + " | ".join(row.name for row in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    for mode in MASK_MODES[1:]:
        cells = (", ".join(map(str, row.num_bars_map)) if mode in row.mask_modes else "–" for row in rows)
        lines.append(f"| `{mode}` | " + " | ".join(cells) + " |")
    extras: Mapping[str, Any] = {
        "`auto` means": [row.mask_modes[0] for row in rows],
        "microtiming": ["yes" if row.microtiming else "no" for row in rows],
        "velocity levels": [row.velocity_levels for row in rows],
        "vocabulary": [row.vocab_size for row in rows],
        "attributes": [", ".join(row.attributes) for row in rows],
        "genres": [len(row.genres) or "–" for row in rows],
        "can be switched off": [", ".join(row.switches) or "–" for row in rows],
    }
    lines += [f"| {title} | " + " | ".join(map(str, values)) + " |" for title, values in extras.items()]
    return "\n".join(lines)
