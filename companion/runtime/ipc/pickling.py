"""Pickling that the realtime process can afford.

A window or a screen holds hundreds of notes, and pickling each as an object takes milliseconds, in which nothing else is sent. So
bars travel as one block of numbers each, and the block of a tuple of notes that was sent before is not made again: music is
immutable and mostly the same from one message to the next.
"""

from __future__ import annotations

import dataclasses
import io
import pickle
from array import array
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import Any

from companion.harmony import spans, symbols
from companion.midi import messages
from companion.music import Bar, Note, TimeSignature, meter, score
from companion.runtime.recording.log_records import dataclasses_of
from companion.session.api import commands, effects, events, settings, snapshot
from companion.session.api.snapshot import BarView

_FIELDS = attrgetter("onset_ticks", "duration_ticks", "pitch", "velocity", "delta")
_WIDTH = 5
_MAX_KEPT = 4096
_kept: dict[int, tuple[tuple[Note, ...], bytes]] = {}  # by identity, with the tuple itself so that its id stays taken


def pack_notes(notes: tuple[Note, ...]) -> bytes:
    """Notes as 64-bit integers, five a note."""
    known = _kept.get(id(notes))
    if known is not None:
        return known[1]
    packed = array("q", chain.from_iterable(map(_FIELDS, notes))).tobytes()
    if len(_kept) >= _MAX_KEPT:
        _kept.clear()
    _kept[id(notes)] = notes, packed
    return packed


def unpack_notes(packed: bytes) -> tuple[Note, ...]:
    """The inverse of `pack_notes`."""
    numbers = array("q", packed)
    return tuple(Note(*numbers[start : start + _WIDTH]) for start in range(0, len(numbers), _WIDTH))


def _make_bar(packed: bytes, meter: TimeSignature) -> Bar:
    return Bar(unpack_notes(packed), meter)


def _make_view(bar: int, state: Any, origin: Any, packed: bytes, locked: bool) -> BarView:
    return BarView(bar, state, origin, unpack_notes(packed), locked)


def _reduce_bar(bar: Bar) -> tuple[Callable[..., Bar], tuple[Any, ...]]:
    return _make_bar, (pack_notes(bar.notes), bar.time_signature)


def _reduce_view(view: BarView) -> tuple[Callable[..., BarView], tuple[Any, ...]]:
    return _make_view, (view.bar, view.state, view.origin, pack_notes(view.notes), view.locked)


_Reducer = Callable[[Any], tuple[Callable[..., Any], tuple[Any, ...]]]


def _by_fields(kind: type) -> _Reducer:
    """Rebuild by calling the class: a slotted frozen dataclass is otherwise taken apart field by field in Python."""
    names = [field.name for field in dataclasses.fields(kind)]
    if not names:
        return lambda value: (kind, ())
    if len(names) == 1:
        one = attrgetter(names[0])
        return lambda value: (kind, (one(value),))
    several = attrgetter(*names)
    return lambda value: (kind, several(value))


_MODULES = (score, meter, symbols, spans, messages, settings, commands, events, effects, snapshot)
_TABLE: dict[type, _Reducer] = {
    **{kind: _by_fields(kind) for kind in dataclasses_of(*_MODULES)},
    Bar: _reduce_bar,
    BarView: _reduce_view,
}


def dumps(value: Any) -> bytes:
    """`value` pickled; `pickle.loads` reads it."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.dispatch_table = _TABLE
    pickler.dump(value)
    return buffer.getvalue()
