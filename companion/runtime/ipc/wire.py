"""Messages between our processes as bytes: plain data with a schema, in MessagePack.

A message is the name of its class, a zero byte, and its fields. The reader knows the names of the classes that may come, the modules
that have them, and the type of each of their fields. Whatever is no such class, lacks a field or has one of another type is refused.
Nothing in a message can name a function or make one run, so a process that has gone wrong can send others nothing worse than wrong
values.

A window or a screen holds hundreds of notes, and most of its bars are those of the message before. Music is immutable, so the
bytes of a bar that was sent before are used again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from companion.music import Score
    from companion.session.api.effects import Generate, Job, Prefill
    from companion.session.api.snapshot import LaneView, Snapshot

# The messages by the module that has them. A process imports the modules of what it hears and says, and no others: the commands alone
# would take 3 MB and 50 ms of a start in processes that never see one.
_MESSAGES_OF: Mapping[str, tuple[str, ...]] = {
    # to the front
    "companion.session.api.snapshot": ("Snapshot",),
    "companion.session.api.effects": (
        "Notice",
        "Learned",
        "PassFinished",
        "SnapshotsChanged",
        # to the engine
        "Generate",
        "Prefill",
        "Cancel",
        "LoadModel",
        "PrepareModel",
    ),
    "companion.session.api.engine_events": (
        "EngineReady",
        "EngineLost",
        "SizeLost",
        "LoadFailed",
        "NoteGenerated",
        "BarGenerated",
        "GenerationFinished",
        "GenerationFailed",
    ),
    "companion.runtime.ipc.protocol": (
        # from and to the front
        "ChoosePort",
        "End",
        "OwnPorts",
        "PresentSettings",
        "Ended",
        "Finishing",
        "Started",
        "Account",
        # between the realtime process and the supervisor
        "Setup",
        "LogHeader",
        "LogLines",
        "SupervisorRemark",
        "EngineStuck",
        "Wire",
        # from and to further screens, beside the front's own
        "Performing",
        "KeyPlayed",
        "AskPorts",
        "KnownPorts",
        # from and to an engine on another machine, beside the engine's own
        "Hello",
        "Welcome",
        "TurnedAway",
        "Introduce",
        "Ping",
        "Pong",
        "Goodbye",
    ),
    "companion.midi.port_lists": ("Ports",),
}
_MODULES = {name: module for module, names in _MESSAGES_OF.items() for name in names}
_MAX_KEPT = 4096
_SEPARATOR = b"\0"
_kept: dict[int, tuple[Any, msgspec.Raw]] = {}  # by identity, with the value itself so that its id stays taken


class WireError(ValueError):
    """The bytes are not one of our messages. The error is one line."""


def encode(value: Any) -> bytes:
    """The bytes of a message; TypeError for a value that is no message."""
    kind = type(value)
    name = kind.__name__
    if _kind_named(name) is not kind:
        raise TypeError(f"{name} is no message between processes")
    lean = _LEAN.get(name)
    return name.encode() + _SEPARATOR + _encoder.encode(value if lean is None else lean(value))


def decode(frame: bytes | bytearray | memoryview) -> Any:
    """The inverse of `encode`. Raises WireError."""
    name, _, payload = bytes(frame).partition(_SEPARATOR)
    kind = _kind_named(name.decode(errors="replace"))
    if kind is None:
        raise WireError(f"unknown message {name[:40]!r}")
    try:
        return _decoder_of(kind)(payload)
    except Exception as error:  # a class may refuse its values with an error of its own
        raise WireError(f"{kind.__name__}: {error}") from None


def prepare() -> None:
    """Import every message and make its decoder now: later, the first message of each kind would take up to some milliseconds."""
    for kind in all_messages():
        _decoder_of(kind)


def all_messages() -> tuple[type, ...]:
    """The classes of all messages."""
    return (*(getattr(import_module(module), name) for name, module in _MODULES.items()), *_commands().values())


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


_LEAN: Mapping[str, Callable[[Any], Any]] = {
    "Snapshot": _lean_snapshot,
    "Generate": _lean_request,
    "Prefill": _lean_request,
}


# --- what may come -----------------------------------------------------------------------------------------------------

_kinds: dict[str, type] = {}  # those that were met, by name


def _kind_named(name: str) -> type | None:
    """The class of a message; None if no message has this name."""
    kind = _kinds.get(name)
    if kind is None:
        module = _MODULES.get(name)
        kind = _commands().get(name) if module is None else getattr(import_module(module), name)
        if kind is not None:
            _kinds[name] = kind
    return kind


@cache
def _commands() -> Mapping[str, type]:
    """The player's commands, and what stands for one that was refused, by the names of their classes."""
    from companion.session.api import commands

    return {kind.__name__: kind for kind in (*commands.COMMANDS.values(), commands.Refused)}


@cache
def _decoder_of(kind: type) -> Callable[[bytes], Any]:
    return msgspec.msgpack.Decoder(kind).decode
