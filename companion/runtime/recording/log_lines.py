"""Records ↔ lines of the log file, one JSON list a line: the code of its kind, then its fields in order.

    ["m", arrival, port, hex]        a MIDI message came in       ["r", now, event]     any other event
    ["t", now]                       the session's timer ran      ["c", now]            the session was closed
    ["s", left, port, hex, due, source, position]   it sent this  ["h", …as "s"]        a note-off that the session forgot
    ["g", now, id, seed, mask mode, bars, targets, tracks]        a job went to the engine
    ["f", now, id]                   its known part was sent ahead
    ["k", now, state, bpm, bar, beat, position, meter]            where the music was
    ["b", now, start, bpm]           a recorded player begins     ["d", now, port, count]  messages of a flood were dropped
    ["n", now, notice]  ["p", now, text]  ["x", now, traceback]  ["e", now, summary]       the end

MIDI messages are written in hexadecimal; events, notices and meters as `documents` writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from companion.midi.codec import Decoder, encode
from companion.midi.messages import Message, SystemExclusive
from companion.runtime.recording import records
from companion.runtime.recording.documents import from_json, to_json
from companion.runtime.recording.records import Record

_KINDS: dict[str, type[Record]] = {
    "m": records.MidiArrived,
    "r": records.EventReceived,
    "t": records.TimerRan,
    "c": records.SessionClosed,
    "s": records.MessageSent,
    "h": records.ForgottenNoteEnded,
    "g": records.BarsRequested,
    "f": records.PrefillRequested,
    "k": records.Mark,
    "b": records.PlayerBegan,
    "n": records.FrontTold,
    "p": records.Remark,
    "x": records.FaultPassedOver,
    "d": records.InputDropped,
    "e": records.PerformanceEnded,
}
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def _hex(message: Message) -> str:
    return encode(message).hex()


@lru_cache(maxsize=4096)  # most lines of a log are clock ticks and repeated notes
def _message(text: str) -> Message:
    data = bytes.fromhex(text)
    if data[:1] == b"\xf0":
        return SystemExclusive(tuple(data))
    messages = Decoder().feed(data)
    if len(messages) != 1:
        raise ValueError(f"{text!r} is not one MIDI message")
    return messages[0]


# How fields without a JSON form are written and read, by their name.
_WRITERS: dict[str, Callable[[Any], Any]] = dict.fromkeys(("event", "notice", "meter", "summary"), to_json) | {
    "message": _hex
}
_READERS: dict[str, Callable[[Any], Any]] = dict.fromkeys(
    ("event", "notice", "meter", "summary", "targets", "tracks"), from_json
) | {"message": _message}


def _line_writer(code: str, kind: type[Record]) -> Callable[[Any], list[Any]]:
    names = [field.name for field in fields(kind)]
    if len(names) == 1:
        return lambda record: [code, record.seconds]
    read = attrgetter(*names)
    special = [(place, _WRITERS[name]) for place, name in enumerate(names, start=1) if name in _WRITERS]

    def write(record: Any) -> list[Any]:
        items = [code, *read(record)]
        for place, writer in special:
            items[place] = writer(items[place])
        return items

    return write


_LINE_WRITERS = {kind: _line_writer(code, kind) for code, kind in _KINDS.items()}
_LINE_READERS: dict[str, tuple[Callable[..., Record], list[Callable[[Any], Any] | None]]] = {
    code: (kind, [_READERS.get(field.name) for field in fields(kind)]) for code, kind in _KINDS.items()
}


def line_of(record: Record) -> bytes:
    """One record as a line without its end."""
    return _encoder.encode(_LINE_WRITERS[type(record)](record))


def record_of(line: bytes | str) -> Record:
    """The inverse of `line_of`. Raises ValueError."""
    items = _decoder.decode(line)
    if not isinstance(items, list) or not items:
        raise ValueError("not a list")
    try:
        kind, readers = _LINE_READERS[items[0]]
    except (KeyError, TypeError):
        raise ValueError(f"unknown kind {items[0]!r}") from None
    try:
        return kind(
            *(item if reader is None else reader(item) for item, reader in zip(items[1:], readers, strict=False))
        )
    except TypeError as error:
        raise ValueError(str(error)) from None
