"""The names of MIDI controls, as bindings and presets write them. Pure.

    cc:64@0       controller 64 on channel 0         pressure@0    channel pressure
    cc14:1@0      controllers 1 and 33 as a pair     bend@0        the pitch wheel
    note:36@9     a key or pad                       pc@0          program changes, their number as a value
    pc:12@0       program change 12

Channels count from 0 here and from 1 in files (`moved`).
"""

from __future__ import annotations

import re

from companion.midi.messages import ControlChange, Message, NoteOff, NoteOn, PitchBend, Pressure, ProgramChange
from companion.music.units import pitch_name

PAIRED = 32  # controllers 0-31 have their fine half 32 further on (MIDI 1.0)
_SWITCH = re.compile(r"(?P<kind>cc|note|pc):(?P<number>\d{1,3})@(?P<channel>\d{1,2})")
_KNOB = re.compile(
    r"(?P<kind>cc|cc14):(?P<number>\d{1,3})@(?P<channel>\d{1,2})|(?P<whole>pressure|bend|pc)@(?P<where>\d{1,2})"
)
_PEDALS = {"64": " (sustain)", "66": " (sostenuto)", "67": " (soft)", "4": " (foot)", "11": " (expression)"}
_WHEELS = {"pressure": "pressure", "bend": "pitch wheel", "pc": "program change"}


def switch_name(message: Message) -> str | None:
    """The name of the switch, pad or key that sends this message; None for anything else."""
    if isinstance(message, ControlChange):
        return f"cc:{message.controller}@{message.channel}"
    if isinstance(message, (NoteOn, NoteOff)):
        return f"note:{message.key}@{message.channel}"
    if isinstance(message, ProgramChange):
        return f"pc:{message.program}@{message.channel}"
    return None


def knob_name(message: Message) -> str | None:
    """The name of the knob, pedal or wheel that sends this message, with 7 bits for controllers; None for anything else."""
    if isinstance(message, ControlChange):
        return f"cc:{message.controller}@{message.channel}"
    if isinstance(message, PitchBend):
        return f"bend@{message.channel}"
    if isinstance(message, Pressure) and message.key is None:
        return f"pressure@{message.channel}"
    if isinstance(message, ProgramChange):
        return f"pc@{message.channel}"
    return None


def moved(name: str, by: int, *, knob: bool = False) -> str:
    """The name with its channel moved: by −1 from a file into a session, by 1 back. Raises ValueError if it is not a control's name."""
    match = (_KNOB if knob else _SWITCH).fullmatch(name)
    if match is None:
        raise ValueError
    groups = match.groupdict()
    kind, channel = groups["kind"] or groups["whole"], int(groups["channel"] or groups["where"]) + by
    number = int(groups["number"] or 0)
    highest = PAIRED - 1 if kind == "cc14" else 127
    lowest_channel, highest_channel = (0, 15) if by <= 0 else (1, 16)
    if number > highest or not lowest_channel <= channel <= highest_channel:
        raise ValueError
    return f"{kind}:{number}@{channel}" if groups["kind"] else f"{kind}@{channel}"


def control_words(name: str) -> str:
    """A control as players say it: "cc:64@0" → "CC 64 (sustain) on channel 1", "note:36@9" → "key C2 on channel 10"."""
    kind, _, channel = name.partition("@")
    kind, _, number = kind.partition(":")
    where = f" on channel {int(channel) + 1}" if channel.isdigit() else ""
    if kind == "note" and number.isdigit():
        return f"key {pitch_name(int(number))}{where}"
    if kind in _WHEELS:
        return f"{_WHEELS[kind]}{f' {number}' if number else ''}{where}"
    if kind == "cc14":
        return f"CC {number} (14 bits){where}"
    return f"{kind.upper()} {number}{_PEDALS.get(number, '') if kind == 'cc' else ''}{where}"
