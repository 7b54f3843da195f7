"""The current request to the engine, and the rest of a bar that it may write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.session.requests.lead_time import Size


@dataclass(frozen=True, slots=True)
class Rest:
    """The rest of the sounding bar, to be rewritten from a beat (quarter notes from its line) for some lanes.

    stands: by lane, its own notes before that beat. chord: what the player plays, over the whole bar.
    """

    bar: int
    lanes: tuple[int, ...]
    from_beat: float
    stands: Mapping[int, tuple[Note, ...]]
    chord: ChordSpan


@dataclass(slots=True, eq=False)
class Request:
    """A Generate that has not ended. checkpoint: the name of the requested size.

    rest: what it writes of a bar that sounds; None for a whole bar to come.
    """

    request_id: int
    bar: int
    lanes: tuple[int, ...]
    size: Size
    sent_seconds: float
    insurance: bool
    first_note_seconds: float | None = None
    checkpoint: str = ""
    rest: Rest | None = None

    @property
    def earnest(self) -> bool:
        """Whether a bar waits for it."""
        return not self.insurance and self.rest is None
