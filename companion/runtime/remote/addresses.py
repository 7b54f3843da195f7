"""What each OSC address means: the table of the messages in. Pure: no socket, no thread. `state` has the messages out.

Tracks and bars count from 1 here, as on screen. A message in becomes commands of the session, which check their own arguments.
The second part of the table answers addresses of midigpt's OSC server, where it has one for the same thing; those work with and
without its prefix `/midigpt`, and count tracks as that server does, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from companion.errors import CommandError
from companion.runtime.remote.state import OUT
from companion.session.api.commands import Command, command
from companion.session.api.snapshot import LaneView, Snapshot

MIDIGPT_PREFIX = "/midigpt"
# Names of midigpt's parameters that differ from ours; those without a counterpart are not listed.
_MIDIGPT_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "mask_p": "mask_p",
    "mask_k": "mask_k",
    "polyphony_hard_limit": "polyphony_hard_limit",
    "density_hard_limit": "density_hard_limit",
}
_MIDIGPT_MODEL = {"model_dim": "model_dim", "mask_mode": "mask_mode", "sampling_seed": "seed"}
_WHOLE = frozenset({"top_k", "mask_k", "polyphony_hard_limit", "density_hard_limit", "model_dim", "sampling_seed"})

Arguments = Sequence[Any]
Meaning = Callable[[Arguments, Snapshot | None], list[Command]]


@dataclass(frozen=True, slots=True)
class Address:
    """One address that is understood. arguments: their names and kinds, for the documentation."""

    path: str
    arguments: str
    help: str
    meaning: Meaning


def commands_for(path: str, arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """The commands behind a message. Raises CommandError with one line for an unknown address or wrong arguments."""
    short = path.removeprefix(MIDIGPT_PREFIX) if path.startswith(MIDIGPT_PREFIX + "/") else path
    address = ADDRESSES.get(short)
    if address is None:
        raise CommandError(f"unknown OSC address {printable(path)}")
    try:
        return address.meaning(arguments, snapshot)
    except CommandError as error:
        raise CommandError(f"{printable(path)}: {error}") from None


def printable(text: str, longest: int = 60) -> str:
    """Foreign text in one line of bounded length, control characters escaped."""
    escaped = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: longest + 1])
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


# -- arguments ----------------------------------------------------------------------------------------------------------


def _at(arguments: Arguments, index: int, name: str) -> Any:
    if index >= len(arguments):
        raise CommandError(f"{name} is missing")
    return arguments[index]


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not float(value).is_integer():
        raise CommandError(f"{name} is not a whole number")
    return int(value)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CommandError(f"{name} is not a number")
    return float(value)


def _flag(arguments: Arguments, index: int) -> bool | None:
    """A switch: absent toggles it, otherwise 0 is off and anything else is on."""
    return None if index >= len(arguments) else bool(arguments[index])


def _track(arguments: Arguments) -> int:
    number = _whole(_at(arguments, 0, "track"), "track")
    if number < 1:
        raise CommandError("tracks count from 1")
    return number - 1


# -- our own addresses --------------------------------------------------------------------------------------------------


def _plain(name: str) -> Meaning:
    return lambda arguments, snapshot: [command(name)]


def _switch(name: str) -> Meaning:
    return lambda arguments, snapshot: [command(name, on=_flag(arguments, 0))]


def _track_switch(name: str) -> Meaning:
    return lambda arguments, snapshot: [command(name, track=_track(arguments), on=_flag(arguments, 1))]


def _value(name: str, argument: str, read: Callable[[Any, str], Any]) -> Meaning:
    return lambda arguments, snapshot: [command(name, **{argument: read(_at(arguments, 0, argument), argument)})]


def _sampling(field: str, read: Callable[[Any, str], Any]) -> Meaning:
    return lambda arguments, snapshot: [command("set_sampling", **{field: read(_at(arguments, 0, field), field)})]


def _attribute(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    level = _whole(_at(arguments, 2, "level"), "level")
    name = str(_at(arguments, 1, "name"))
    return [command("set_attribute", track=_track(arguments), name=name, level=None if level < 0 else level)]


def _program(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    program = _whole(_at(arguments, 1, "program"), "program") - 1
    return [command("set_program", track=_track(arguments), program=program)]


def _track_value(name: str) -> Meaning:
    return lambda arguments, snapshot: [
        command(name, track=_track(arguments), value=_whole(_at(arguments, 1, "value"), "value"))
    ]


def _seek(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("seek", bar=_whole(_at(arguments, 0, "bar"), "bar") - 1)]


def _meter(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    top = _whole(_at(arguments, 0, "numerator"), "numerator")
    bottom = _whole(_at(arguments, 1, "denominator"), "denominator")
    return [command("set_time_signature", numerator=top, denominator=bottom)]


def _placed(name: str) -> Meaning:
    return lambda arguments, snapshot: [command(name, at=str(arguments[0])) if arguments else command(name)]


def _intro(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("intro", bars=_whole(arguments[0], "bars")) if arguments else command("intro")]


def _named(name: str) -> Meaning:
    """A number is a name, too: some senders know no text."""

    def meaning(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
        given = _at(arguments, 0, "name")
        is_number = isinstance(given, float) and given.is_integer()
        return [command(name, name=str(int(given) if is_number else given))]

    return meaning


def _entry(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("choose_entry", number=_whole(_at(arguments, 0, "number"), "number") - 1)]


def _break(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("break", beats=_whole(arguments[0], "beats")) if arguments else command("break")]


def _another_take(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("another_take", track=_track(arguments)) if arguments else command("another_take")]


def _any_command(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """`/companion/do mute track 0 on 1`: any command by its name, with its arguments as pairs (counted from 0)."""
    name, pairs = str(_at(arguments, 0, "name")), list(arguments[1:])
    if len(pairs) % 2:
        raise CommandError("arguments come in pairs of name and value")
    return [command(name, **{str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)})]


_OURS = (
    Address("/companion/start", "", "start from the beginning", _plain("start")),
    Address("/companion/continue", "", "go on from where the music rests", _plain("continue")),
    Address("/companion/stop", "", "stop", _plain("stop")),
    Address("/companion/toggle", "", "start or stop", _plain("toggle")),
    Address("/companion/panic", "", "silence everything", _plain("panic")),
    Address("/companion/tap", "", "one beat of a tempo", _plain("tap")),
    Address("/companion/tempo", "f bpm", "tempo, where companion is the clock", _value("set_tempo", "bpm", _number)),
    Address("/companion/meter", "i numerator, i denominator", "the time signature from the next open bar on", _meter),
    Address("/companion/seek", "i bar", "jump to a bar, counted from 1", _seek),
    Address("/companion/regenerate", "", "write the next bar anew", _plain("regenerate")),
    Address(
        "/companion/another_take",
        "[i track]",
        "another take of the next bar, or of the one that repeats",
        _another_take,
    ),
    Address("/companion/keep", "[i on]", "repeat this bar of the companion's parts", _switch("keep")),
    Address("/companion/undo", "", "take back the last change of the plan or of a dial", _plain("undo")),
    Address("/companion/redo", "", "make it again", _plain("redo")),
    Address("/companion/next_section", "", "go on to the song's next section", _plain("next_section")),
    Address("/companion/loop_here", "", "loop the section that sounds", _plain("loop_here")),
    Address("/companion/record", "[i on]", "begin or end a take", _switch("record")),
    Address("/companion/click", "[i on]", "the metronome", _switch("click")),
    Address("/companion/thru", "[i on]", "pass on what is played in", _switch("thru")),
    Address("/companion/mute", "i track [, i on]", "mute a part, counted from 1", _track_switch("mute")),
    Address("/companion/solo", "i track [, i on]", "solo a part", _track_switch("solo")),
    Address("/companion/volume", "i track, i value", "volume of a part, 0 to 127", _track_value("set_volume")),
    Address("/companion/pan", "i track, i value", "0 left, 64 middle, 127 right", _track_value("set_pan")),
    Address("/companion/program", "i track, i program", "choose an instrument, 1 to 128", _program),
    Address("/companion/attribute", "i track, s name, i level", "set a control of a part; -1 frees it", _attribute),
    Address("/companion/transpose", "i semitones", "transpose the song", _value("transpose", "semitones", _whole)),
    Address("/companion/temperature", "f", "how freely the model draws", _sampling("temperature", _number)),
    Address("/companion/top_p", "f", "share of likely tokens to draw from", _sampling("top_p", _number)),
    Address("/companion/harmony", "f", "how strongly notes follow the chords", _sampling("harmony", _number)),
    Address("/companion/variety", "f", "how strongly a part leaves a note it stays on", _sampling("variety", _number)),
    Address(
        "/companion/takes", "i number", "takes of a bar to choose from; 1 is off", _value("set_model", "takes", _whole)
    ),
    Address("/companion/fill", "[s at]", "drum fill: now, beat, bar or section", _placed("fill")),
    Address("/companion/break", "[i beats]", "the band stops, and is back on a one", _break),
    Address("/companion/intro", "[i bars]", "bars of rhythm before the next start: 0, 2 or 4", _intro),
    Address("/companion/ending", "", "a cadence, a last chord, and the end", _plain("ending")),
    Address("/companion/build", "", "everything rises within four bars", _plain("build")),
    Address("/companion/drop", "", "intensity falls to low", _plain("drop")),
    Address("/companion/drums_only", "[i on]", "everyone out but the drums", _switch("drums_only")),
    Address("/companion/solo_for_me", "[i on]", "the band thins out for your solo", _switch("solo_for_me")),
    Address("/companion/half_time", "[i on]", "the drums in half time", _switch("half_time")),
    Address("/companion/double_time", "[i on]", "the drums in double time", _switch("double_time")),
    Address("/companion/cancel_call", "", "take back the last call that has not begun", _plain("cancel_call")),
    Address("/companion/intensity", "i value", "0 to 100; 50 is neutral", _value("set_intensity", "value", _whole)),
    Address("/companion/follow_dynamics", "f depth", "0 to 1", _value("follow_dynamics", "depth", _number)),
    Address("/companion/follow_density", "f depth", "-1 to 1", _value("follow_density", "depth", _number)),
    Address("/companion/stay_out_of_register", "f depth", "0 to 1", _value("stay_out_of_register", "depth", _number)),
    Address(
        "/companion/snapshot/store", "s name", "keep everything that is set under a name", _named("store_snapshot")
    ),
    Address("/companion/snapshot", "s name", "recall it from the next bar line on", _named("recall_snapshot")),
    Address("/companion/set/next", "", "the next entry of the set list", _plain("next_entry")),
    Address("/companion/set/previous", "", "the entry before", _plain("previous_entry")),
    Address("/companion/set/entry", "i number", "an entry, counted from 1", _entry),
    Address("/companion/do", "s command, then pairs", "any command by its name; it counts from 0", _any_command),
)


# -- midigpt's addresses ------------------------------------------------------------------------------------------------


def _parameter(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    name, value = str(_at(arguments, 0, "name")), _at(arguments, 1, "value")
    if name in _WHOLE:
        value = _whole(value, name)
    if name in _MIDIGPT_SAMPLING:
        return [command("set_sampling", **{_MIDIGPT_SAMPLING[name]: value})]
    if name in _MIDIGPT_MODEL:
        return [command("set_model", **{_MIDIGPT_MODEL[name]: value})]
    raise CommandError(f"parameter {printable(name)} has no counterpart here")


def _own_lanes(snapshot: Snapshot | None) -> list[LaneView]:
    return [lane for lane in snapshot.lanes if lane.role == "companion"] if snapshot else []


def _agent_attribute(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """midigpt has one agent: the value is set for every part of ours."""
    name, value = str(_at(arguments, 0, "name")), _whole(_at(arguments, 1, "value"), "value")
    level = None if value < 0 else value
    return [command("set_attribute", track=lane.index, name=name, level=level) for lane in _own_lanes(snapshot)]


def _free_attributes(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [
        command("set_attribute", track=lane.index, name=name, level=None)
        for lane in _own_lanes(snapshot)
        for name in lane.attributes
    ]


def _ignore(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    track = _whole(_at(arguments, 0, "track"), "track")
    return [command("mute", track=track, on=bool(_at(arguments, 1, "ignore")))]


def _remove(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("remove_track", track=_whole(_at(arguments, 0, "track"), "track"))]


_MIDIGPTS = (
    Address("/session/start", "", "start", _plain("start")),
    Address("/session/stop", "", "stop", _plain("stop")),
    Address("/param/set", "s name, value", "sampling and model parameters that exist here", _parameter),
    Address(
        "/attr/set", "s name, i value", "set a control of every companion part; below 0 frees it", _agent_attribute
    ),
    Address("/attr/reset_all", "", "free all controls of the companion's parts", _free_attributes),
    Address("/track/set_ignore", "i track, i ignore", "mute a part (counted from 0)", _ignore),
    Address("/track/remove", "i track", "remove a part (counted from 0)", _remove),
)

ADDRESSES: dict[str, Address] = {address.path: address for address in (*_OURS, *_MIDIGPTS)}


def documentation() -> str:
    """docs/osc.md's table, made from the addresses themselves."""
    rows = ["| address | arguments | what it does |", "|---|---|---|"]
    rows += [f"| `{address.path}` | {address.arguments or '–'} | {address.help} |" for address in _OURS]
    rows += [f"| `/midigpt{address.path}` | {address.arguments or '–'} | {address.help} |" for address in _MIDIGPTS]
    rows += ["", "| sent by companion | arguments | meaning |", "|---|---|---|"]
    rows += [f"| `{path}` | {arguments or '–'} | {meaning} |" for path, arguments, meaning in OUT]
    return "\n".join(rows) + "\n"
