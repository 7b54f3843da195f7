"""MIDI messages as values. `companion.midi.codec` handles their bytes; ports and times are passed separately.

Channels are 0-15, keys, velocities, controllers and values 0-127, song position in sixteenth notes.
"""

from __future__ import annotations

from dataclasses import dataclass

# Channel mode messages (MIDI 1.0): all sound off, reset all controllers; and those that end all notes of a channel, which are all
# sound off, all notes off and the four changes of mode.
ALL_SOUND_OFF, RESET_CONTROLLERS = 120, 121
NOTES_OFF = frozenset((ALL_SOUND_OFF, 123, 124, 125, 126, 127))


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key goes down; velocity 1-127 (the codec turns velocity 0 into NoteOff)."""

    channel: int
    key: int
    velocity: int


@dataclass(frozen=True, slots=True)
class NoteOff:
    """A key comes up."""

    channel: int
    key: int
    velocity: int = 0


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A controller moves (64 is the sustain pedal)."""

    channel: int
    controller: int
    value: int


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """An instrument is chosen."""

    channel: int
    program: int


@dataclass(frozen=True, slots=True)
class PitchBend:
    """-8192..8191, 0 in the middle."""

    channel: int
    value: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """Aftertouch; `key` is None for a whole channel."""

    channel: int
    value: int
    key: int | None = None


@dataclass(frozen=True, slots=True)
class SystemExclusive:
    """A manufacturer's own message, to be sent as it is: all its bytes, from F0 to F7."""

    data: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClockTick:
    """F8: one 24th of a quarter note has passed."""


@dataclass(frozen=True, slots=True)
class ClockStart:
    """FA: the next tick is the first of the song."""


@dataclass(frozen=True, slots=True)
class ClockContinue:
    """FB: the next tick goes on from the song position."""


@dataclass(frozen=True, slots=True)
class ClockStop:
    """FC."""


@dataclass(frozen=True, slots=True)
class SongPosition:
    """F2: where the next Continue goes on, in sixteenth notes from the start."""

    sixteenths: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no message we use (sysex, tune request, stray data): counted, never acted on.

    kind: "sysex", "ignored" (legal but unused) or "garbage". count: how many bytes.
    """

    kind: str
    count: int = 1


ClockMessage = ClockTick | ClockStart | ClockContinue | ClockStop | SongPosition
ChannelMessage = NoteOn | NoteOff | ControlChange | ProgramChange | PitchBend | Pressure
Message = ChannelMessage | ClockMessage | SystemExclusive | Malformed
