"""Commands for written music: chords, loops, sections, keys, and turns with the player. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Bar, Command, Switch

# --- chords ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetProgression(Command):
    """Set chords by bar ("Dm7 | G7 | Cmaj7"), from the next undecided bar on; "" listens instead."""

    text: str
    loop: Switch = None


@dataclass(frozen=True, slots=True)
class SetChord(Command):
    """Set the chords of one bar ("Dm7 G7"), here and wherever the bar comes round."""

    bar: Bar
    text: str


@dataclass(frozen=True, slots=True)
class SetChordZone(Command):
    """Use the keys below `split` to say which chord is meant (0 = no zone); see ChordZone."""

    split: Annotated[int, limits.KEY]
    latched: bool = True
    sounds: bool = False
    counts: bool = False


# --- practising and trading --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetLoop(Command):
    """Loop the song bars [start, end), counted from 0; an end of None ends the loop."""

    start: Bar | None = None
    end: Bar | None = None


@dataclass(frozen=True, slots=True)
class LoopHere(Command):
    """Loop the current section. A second time, end the loop."""


@dataclass(frozen=True, slots=True)
class NextSection(Command):
    """Go to the song's next section."""


@dataclass(frozen=True, slots=True)
class Transpose(Command):
    """Transpose the song's written parts by semitones; drums stay."""

    semitones: Annotated[int, limits.TRANSPOSE_SEMITONES]


@dataclass(frozen=True, slots=True)
class Trade(Command):
    """Let the player and the solo track take turns of this many bars; 0 ends trading."""

    bars: Annotated[int, limits.TRADE_BARS] = 0


@dataclass(frozen=True, slots=True)
class Answer(Command):
    """Let the solo track answer when the player rests."""

    on: Switch = None
