"""Messages between our processes as bytes: plain data with a schema, in MessagePack.

A message is the name of its class, a zero byte, and its fields. The reader knows the classes that may come (`MESSAGES`) and the type
of each of their fields; whatever is no such class, lacks a field or has one of another type is refused. Nothing in a message can name a
function or make one run, so a process that has gone wrong can send others nothing worse than wrong values.

A window or a screen holds hundreds of notes, and most of its bars are those of the message before. Music is immutable, so the
bytes of a bar that was sent before are used again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from numbers import Integral, Real
from typing import Any

import msgspec

from companion.midi.probe import Ports
from companion.music import Score
from companion.runtime.ipc import protocol
from companion.session.api import commands, effects, events
from companion.session.api.effects import Generate, Job, Prefill
from companion.session.api.snapshot import LaneView, Snapshot

MESSAGES: tuple[type, ...] = (
    # from and to the front
    *commands.COMMANDS.values(),
    commands.Refused,
    Snapshot,
    effects.Notice,
    effects.Learned,
    effects.PassFinished,
    effects.SnapshotsChanged,
    protocol.ChoosePort,
    protocol.End,
    protocol.OwnPorts,
    protocol.PresentSettings,
    protocol.Ended,
    protocol.Finishing,
    protocol.Started,
    protocol.Account,
    # from and to the engine
    effects.Generate,
    effects.Prefill,
    effects.Cancel,
    effects.LoadModel,
    effects.PrepareModel,
    events.EngineReady,
    events.EngineLost,
    events.SizeLost,
    events.LoadFailed,
    events.NoteGenerated,
    events.BarGenerated,
    events.GenerationFinished,
    events.GenerationFailed,
    # between the realtime process and the supervisor
    protocol.Setup,
    protocol.LogHeader,
    protocol.LogLines,
    protocol.SupervisorRemark,
    protocol.EngineStuck,
    protocol.Wire,
    Ports,
    # from and to further screens, beside the front's own
    protocol.Performing,
    protocol.KeyPlayed,
    protocol.AskPorts,
    protocol.KnownPorts,
    # from and to an engine on another machine, beside the engine's own
    protocol.Hello,
    protocol.Welcome,
    protocol.TurnedAway,
    protocol.Introduce,
    protocol.Ping,
    protocol.Pong,
    protocol.Goodbye,
)
_MAX_KEPT = 4096
_SEPARATOR = b"\0"
_kept: dict[int, tuple[Any, msgspec.Raw]] = {}  # by identity, with the value itself so that its id stays taken


class WireError(ValueError):
    """The bytes are not one of our messages. The error is one line."""


def encode(value: Any) -> bytes:
    """The bytes of a message; TypeError for a value that is none of `MESSAGES`."""
    kind = type(value)
    if kind not in _decoders():
        raise TypeError(f"{kind.__name__} is no message between processes")
    lean = _LEAN.get(kind)
    return kind.__name__.encode() + _SEPARATOR + _encoder.encode(value if lean is None else lean(value))


def decode(frame: bytes | bytearray | memoryview) -> Any:
    """The inverse of `encode`. Raises WireError."""
    name, _, payload = bytes(frame).partition(_SEPARATOR)
    kind = _by_name().get(name)
    if kind is None:
        raise WireError(f"unknown message {name[:40]!r}")
    try:
        return _decoders()[kind](payload)
    except Exception as error:  # a class may refuse its values with an error of its own
        raise WireError(f"{kind.__name__}: {error}") from None


# --- what is left out of the way of the encoder ------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """Numbers of numpy and other mappings as Python's own."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no message may hold a {type(value).__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)


def _kept_bytes(value: Any) -> msgspec.Raw:
    """The encoded value, made once."""
    known = _kept.get(id(value))
    if known is None:
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        known = _kept[id(value)] = value, msgspec.Raw(_encoder.encode(value))
    return known[1]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _names(type(value))}


def _lean_lane(lane: LaneView) -> dict[str, Any]:
    return {**_fields(lane), "bars": [_kept_bytes(bar) for bar in lane.bars]}


def _lean_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {**_fields(snapshot), "lanes": [_lean_lane(lane) for lane in snapshot.lanes]}


def _lean_score(score: Score) -> dict[str, Any]:
    tracks = [{**_fields(track), "bars": [_kept_bytes(bar) for bar in track.bars]} for track in score.tracks]
    return {**_fields(score), "tracks": tracks}


def _lean_job(job: Job) -> dict[str, Any]:
    return {**_fields(job), "window": _lean_score(job.window)}


def _lean_request(request: Generate | Prefill) -> dict[str, Any]:
    return {**_fields(request), "job": _lean_job(request.job)}


_LEAN: dict[type, Callable[[Any], Any]] = {
    Snapshot: _lean_snapshot,
    Generate: _lean_request,
    Prefill: _lean_request,
}


# --- what may come -----------------------------------------------------------------------------------------------------


@cache
def _decoders() -> dict[type, Callable[[bytes], Any]]:
    return {kind: msgspec.msgpack.Decoder(kind).decode for kind in MESSAGES}


@cache
def _by_name() -> dict[bytes, type]:
    return {kind.__name__.encode(): kind for kind in MESSAGES}
