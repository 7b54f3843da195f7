"""The states of the transport, and everything that may happen to it.

A clock, ours or the master's, says whether time runs; the transport says what the music does with it. The two are not the same:
music that rests may go on where it stopped, or begin anew somewhere else, and which of the two it is depends on how it came to
rest. So there are three states of silence. FRESH: nothing has played since the last rewind, and whatever starts next begins anew.
RESTING: the music stopped at a place that is remembered; time that goes on from there continues it, time that starts elsewhere
begins anew. LOST: as RESTING, but the master's clock fell silent without a stop, so it may come back some beats further on and
still be the same music. COUNTING: time runs, and only the count-in is heard. PLAYING: bars follow one another.

`TRANSITIONS` is all of it: what is not in the table cannot happen, and asking for it is our own error.
`docs/transport-states.md` is made from this table by `companion.session.transport.diagram`.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What the music does."""

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
    """Where in the table we are. `happened` moves on; everybody else only reads."""

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
