"""The table of the OSC addresses that are understood, and the commands behind a message. Pure: no socket, no thread.

`meanings` reads the arguments, `midigpt_addresses` has the addresses of midigpt's OSC server, which work with and without its prefix
`/midigpt`, and `state` has the messages out.
"""

from __future__ import annotations

from companion.errors import CommandError
from companion.runtime.remote.meanings import (
    Address,
    Arguments,
    another_take,
    any_command,
    attribute,
    break_call,
    entry,
    intro,
    meter,
    named,
    number,
    one_line,
    placed,
    plain,
    program,
    sampling,
    seek,
    switch,
    track_switch,
    track_value,
    value,
    whole,
)
from companion.runtime.remote.midigpt_addresses import MIDIGPT_PREFIX, MIDIGPTS
from companion.runtime.remote.state import OUT
from companion.session.api.commands import Command
from companion.session.api.snapshot import Snapshot

_OURS = (
    Address("/companion/start", "", "start from the beginning", plain("start")),
    Address("/companion/continue", "", "go on from where the music rests", plain("continue")),
    Address("/companion/stop", "", "stop", plain("stop")),
    Address("/companion/toggle", "", "start or stop", plain("toggle")),
    Address("/companion/panic", "", "silence everything", plain("panic")),
    Address("/companion/tap", "", "one beat of a tempo", plain("tap")),
    Address("/companion/tempo", "f bpm", "tempo, where companion is the clock", value("set_tempo", "bpm", number)),
    Address("/companion/meter", "i numerator, i denominator", "the time signature from the next open bar on", meter),
    Address("/companion/seek", "i bar", "jump to a bar, counted from 1", seek),
    Address("/companion/regenerate", "", "write the next bar anew", plain("regenerate")),
    Address(
        "/companion/another_take",
        "[i track]",
        "another take of the next bar, or of the one that repeats",
        another_take,
    ),
    Address("/companion/keep", "[i on]", "repeat this bar of the companion's parts", switch("keep")),
    Address("/companion/undo", "", "take back the last change of the plan or of a dial", plain("undo")),
    Address("/companion/redo", "", "make it again", plain("redo")),
    Address("/companion/next_section", "", "go on to the song's next section", plain("next_section")),
    Address("/companion/loop_here", "", "loop the section that sounds", plain("loop_here")),
    Address("/companion/record", "[i on]", "begin or end a take", switch("record")),
    Address("/companion/click", "[i on]", "the metronome", switch("click")),
    Address("/companion/thru", "[i on]", "pass on what is played in", switch("thru")),
    Address("/companion/mute", "i track [, i on]", "mute a part, counted from 1", track_switch("mute")),
    Address("/companion/solo", "i track [, i on]", "solo a part", track_switch("solo")),
    Address("/companion/volume", "i track, i value", "volume of a part, 0 to 127", track_value("set_volume")),
    Address("/companion/pan", "i track, i value", "0 left, 64 middle, 127 right", track_value("set_pan")),
    Address("/companion/program", "i track, i program", "choose an instrument, 1 to 128", program),
    Address("/companion/attribute", "i track, s name, i level", "set a control of a part; -1 frees it", attribute),
    Address("/companion/transpose", "i semitones", "transpose the song", value("transpose", "semitones", whole)),
    Address("/companion/temperature", "f", "how freely the model draws", sampling("temperature", number)),
    Address("/companion/top_p", "f", "share of likely tokens to draw from", sampling("top_p", number)),
    Address("/companion/harmony", "f", "how strongly notes follow the chords", sampling("harmony", number)),
    Address("/companion/variety", "f", "how strongly a part leaves a note it stays on", sampling("variety", number)),
    Address(
        "/companion/takes", "i number", "takes of a bar to choose from; 1 is off", value("set_model", "takes", whole)
    ),
    Address("/companion/fill", "[s at]", "drum fill: now, beat, bar or section", placed("fill")),
    Address("/companion/break", "[i beats]", "the band stops, and is back on a one", break_call),
    Address("/companion/intro", "[i bars]", "bars of rhythm before the next start: 0, 2 or 4", intro),
    Address("/companion/ending", "", "a cadence, a last chord, and the end", plain("ending")),
    Address("/companion/build", "", "everything rises within four bars", plain("build")),
    Address("/companion/drop", "", "intensity falls to low", plain("drop")),
    Address("/companion/drums_only", "[i on]", "everyone out but the drums", switch("drums_only")),
    Address("/companion/solo_for_me", "[i on]", "the band thins out for your solo", switch("solo_for_me")),
    Address("/companion/half_time", "[i on]", "the drums in half time", switch("half_time")),
    Address("/companion/double_time", "[i on]", "the drums in double time", switch("double_time")),
    Address("/companion/cancel_call", "", "take back the last call that has not begun", plain("cancel_call")),
    Address("/companion/intensity", "i value", "0 to 100; 50 is neutral", value("set_intensity", "value", whole)),
    Address("/companion/follow_dynamics", "f depth", "0 to 1", value("follow_dynamics", "depth", number)),
    Address("/companion/follow_density", "f depth", "-1 to 1", value("follow_density", "depth", number)),
    Address("/companion/stay_out_of_register", "f depth", "0 to 1", value("stay_out_of_register", "depth", number)),
    Address("/companion/snapshot/store", "s name", "keep everything that is set under a name", named("store_snapshot")),
    Address("/companion/snapshot", "s name", "recall it from the next bar line on", named("recall_snapshot")),
    Address("/companion/set/next", "", "the next entry of the set list", plain("next_entry")),
    Address("/companion/set/previous", "", "the entry before", plain("previous_entry")),
    Address("/companion/set/entry", "i number", "an entry, counted from 1", entry),
    Address("/companion/do", "s command, then pairs", "any command by its name; it counts from 0", any_command),
)

ADDRESSES: dict[str, Address] = {address.path: address for address in (*_OURS, *MIDIGPTS)}


def commands_for(path: str, arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """The commands behind a message. Raises CommandError with one line for an unknown address or wrong arguments."""
    short = path.removeprefix(MIDIGPT_PREFIX) if path.startswith(MIDIGPT_PREFIX + "/") else path
    address = ADDRESSES.get(short)
    if address is None:
        raise CommandError(f"unknown OSC address {one_line(path)}")
    try:
        return address.meaning(arguments, snapshot)
    except CommandError as error:
        raise CommandError(f"{one_line(path)}: {error}") from None


def documentation() -> str:
    """docs/osc.md's table, made from the addresses themselves."""
    rows = ["| address | arguments | what it does |", "|---|---|---|"]
    rows += [f"| `{address.path}` | {address.arguments or '–'} | {address.help} |" for address in _OURS]
    rows += [f"| `/midigpt{address.path}` | {address.arguments or '–'} | {address.help} |" for address in MIDIGPTS]
    rows += ["", "| sent by companion | arguments | meaning |", "|---|---|---|"]
    rows += [f"| `{path}` | {arguments or '–'} | {meaning} |" for path, arguments, meaning in OUT]
    return "\n".join(rows) + "\n"
