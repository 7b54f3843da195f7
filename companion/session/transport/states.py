"""The states of the transport, and everything that may happen to it.

A clock, ours or the master's, says whether time runs. The transport says what the music does with it. The two differ:
music that rests may go on where it stopped or start again somewhere else, depending on how it came to rest. There are
therefore three states of silence.

FRESH: nothing has played since the last rewind, and the next start begins a new stretch.
RESTING: the music stopped at a remembered place. If time goes on from there, the music continues; otherwise it starts again.
LOST: as RESTING, but the master's clock fell silent without a stop. It may come back some beats later with the same music.
COUNTING: time runs, and only the count-in is heard. PLAYING: bars follow one another.

`TRANSITIONS` is the complete table. A happening that is not in the table is our own error.
`docs/transport-states.md` is made from this table by `companion.session.transport.diagram`.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What the music is doing."""

    FRESH = "fresh"
    RESTING = "resting"
    LOST = "lost"
    COUNTING = "counting in"
    PLAYING = "playing"


class Happening(Enum):
    """What may happen to it."""

    PLAY = "play"  # time runs, and bars with it, from a new place or from where the music rests
    COUNT_IN = "count in"  # time runs, and the first bar line is still ahead
    BAR_LINE = "bar line"  # a bar begins
    STOP = "stop"  # time stands still, on purpose
    LOSE_CLOCK = "lose the clock"  # the master fell silent without a stop
    REWIND = "rewind"  # the place where the music rests is forgotten


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.FRESH, Happening.PLAY): State.PLAYING,
    (State.FRESH, Happening.COUNT_IN): State.COUNTING,
    (State.FRESH, Happening.REWIND): State.FRESH,
    (State.COUNTING, Happening.BAR_LINE): State.PLAYING,
    (State.COUNTING, Happening.STOP): State.RESTING,
    (State.COUNTING, Happening.LOSE_CLOCK): State.LOST,
    (State.PLAYING, Happening.BAR_LINE): State.PLAYING,
    (State.PLAYING, Happening.STOP): State.RESTING,
    (State.PLAYING, Happening.LOSE_CLOCK): State.LOST,
    (State.RESTING, Happening.PLAY): State.PLAYING,
    (State.RESTING, Happening.COUNT_IN): State.COUNTING,
    (State.RESTING, Happening.REWIND): State.FRESH,
    (State.LOST, Happening.PLAY): State.PLAYING,
    (State.LOST, Happening.COUNT_IN): State.COUNTING,
    (State.LOST, Happening.REWIND): State.FRESH,
}


class TransportState:
    """The current state in the table. Only `happened` changes it."""

    def __init__(self) -> None:
        self._state = State.FRESH

    @property
    def state(self) -> State:
        """What the music does now."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether time runs: counting in, or playing."""
        return self._state in (State.COUNTING, State.PLAYING)

    @property
    def counting_in(self) -> bool:
        """Whether only the count-in is heard."""
        return self._state is State.COUNTING

    def happened(self, what: Happening) -> State:
        """Move on. Raises ValueError for what cannot happen in this state."""
        following = TRANSITIONS.get((self._state, what))
        if following is None:
            raise ValueError(f"{what.value} cannot happen while {self._state.value}")
        self._state = following
        return following
