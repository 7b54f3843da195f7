"""Commands about music that is written: chords, loops, sections, keys, and turns with the player. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Bar, Command, Switch

# --- chords ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetProgression(Command):
    """Chords by bar ("Dm7 | G7 | Cmaj7") from the next bar on that is not decided yet; "" listens instead."""

    text: str
    loop: Switch = None


@dataclass(frozen=True, slots=True)
class SetChord(Command):
    """The chords of one bar ("Dm7 G7"), here and wherever it comes round."""

    bar: Bar
    text: str


@dataclass(frozen=True, slots=True)
class SetChordZone(Command):
    """Keys below `split` (0 = no zone) say which chord is meant; see ChordZone."""

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
    """Loop the section that sounds; again: no loop."""


@dataclass(frozen=True, slots=True)
class NextSection(Command):
    """On to the song's next section."""


@dataclass(frozen=True, slots=True)
class Transpose(Command):
    """The song's written parts, in semitones; drums stay."""

    semitones: Annotated[int, limits.TRANSPOSE_SEMITONES]


@dataclass(frozen=True, slots=True)
class Trade(Command):
    """Player and solo track take turns of so many bars; 0 ends it."""

    bars: Annotated[int, limits.TRADE_BARS] = 0


@dataclass(frozen=True, slots=True)
class Answer(Command):
    """The solo track answers when the player rests."""

    on: Switch = None
