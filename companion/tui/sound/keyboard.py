"""Makes notes from a computer's keyboard, which reports when keys go down but not when they come up. Pure: times are passed in.

A note ends after a set length, or earlier with the next note unless both were struck together. A held key repeats by itself. The
repetitions make no new notes but keep the note going. The first repetition comes long after the key and looks like another stroke.
A second stroke that could be a repetition therefore waits for a moment. If another repetition follows at once, the key is held.
Otherwise it was a stroke and counts from its own time.
"""

from __future__ import annotations

from dataclasses import dataclass

from companion.midi.codec import encode
from companion.midi.messages import NoteOff, NoteOn
from companion.music.units import DRUM_CHANNEL

WHITE_KEYS = ("a", "s", "d", "f", "g", "h", "j", "k", "l", "semicolon", "apostrophe")
BLACK_KEYS = ("w", "e", "", "t", "y", "u", "", "o", "p", "", "right_square_bracket")
DRUM_KEYS = ("z", "x", "c", "v", "b", "n", "m", "comma", "full_stop", "slash")
DRUMS = ((36, "kick"), (38, "snare"), (42, "hat"), (46, "open"), (45, "tom"), (47, "tom"), (50, "tom"), (39, "clap"),
         (51, "ride"), (49, "crash"))  # fmt: skip
_WHITE_STEPS = (0, 2, 4, 5, 7, 9, 11)
_PRINTED = {
    "semicolon": ";",
    "apostrophe": "'",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "slash": "/",
}

TOGETHER_SECONDS = 0.045  # keys struck within this time sound as a chord
LENGTHS_SECONDS = (0.15, 0.3, 0.6, 1.2, 2.4)
VELOCITIES = (24, 40, 56, 72, 88, 104, 120)
OCTAVES = (-3, 3)
FASTEST_STROKES_SECONDS = 0.07  # nobody strikes one key faster; a held key repeats faster
# No system starts to repeat a key earlier than this, and hardly any later.
SHORTEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.18, 0.9
DELAY_TOLERANCE_SECONDS = 0.03
UNDECIDED_SECONDS = 0.06
KEEP_SECONDS = 0.12  # how long a held note goes on after a repetition
Timed = tuple[float, bytes]


def printed(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    return _PRINTED.get(key, key).upper()


def semitones_of(key: str) -> int | None:
    """Return how many semitones above C a key is, or None if it is not a piano key."""
    if key in WHITE_KEYS:
        number = WHITE_KEYS.index(key)
        return 12 * (number // 7) + _WHITE_STEPS[number % 7]
    if key and key in BLACK_KEYS:
        number = BLACK_KEYS.index(key)
        return 12 * (number // 7) + _WHITE_STEPS[number % 7] + 1
    return None


@dataclass(slots=True)
class _Sounding:
    channel: int
    pitch: int
    struck: float
    ends: float


class TypingKeyboard:
    """The typing keyboard. Call `press` for each key, `look` often, and `release_all` at the end.

    Each of these returns messages with their times, in order of time.
    """

    def __init__(self, channel: int = 0) -> None:
        self.channel = channel
        self.octave, self._velocity, self._length = 0, 4, 2
        self._sounding: dict[str, _Sounding] = {}
        self._struck: dict[str, float] = {}  # when each key was struck last
        self._pressed: tuple[str, float] = ("", -1.0)  # the last key that went down or repeated
        self._undecided: tuple[str, float] | None = None
        self._delay: float | None = None  # delay of this system's first repetition, once it was seen

    @property
    def velocity(self) -> int:
        """The velocity of the next notes."""
        return VELOCITIES[self._velocity]

    @property
    def length_seconds(self) -> float:
        """How long a note lasts if no other note ends it."""
        return LENGTHS_SECONDS[self._length]

    @property
    def sounding(self) -> frozenset[str]:
        """The keys whose notes sound."""
        return frozenset(self._sounding)

    def pitch_of(self, key: str) -> tuple[int, int] | None:
        """Return (channel, MIDI key) of a key, or None if it plays nothing."""
        if key in DRUM_KEYS:
            return DRUM_CHANNEL, DRUMS[DRUM_KEYS.index(key)][0]
        semitones = semitones_of(key)
        return None if semitones is None else (self.channel, 60 + 12 * self.octave + semitones)

    def change(self, what: str, by: int, now: float) -> list[Timed]:
        """Change "octave", "velocity" or "length" by a step up or down."""
        if what == "octave":
            ended = self.release_all(now)
            self.octave = min(max(self.octave + by, OCTAVES[0]), OCTAVES[1])
            return ended
        if what == "velocity":
            self._velocity = min(max(self._velocity + by, 0), len(VELOCITIES) - 1)
        else:
            self._length = min(max(self._length + by, 0), len(LENGTHS_SECONDS) - 1)
        return []

    def press(self, key: str, at: float) -> list[Timed]:
        """Take a key that went down at `at`, or that repeats because it is held."""
        if self.pitch_of(key) is None:
            return []
        messages = self.look(at)
        last_key, last_at = self._pressed
        gap = at - last_at if key == last_key else float("inf")
        self._pressed = key, at
        if self._undecided is not None:
            first, first_at = self._undecided
            self._undecided = None
            if key == first and gap < FASTEST_STROKES_SECONDS:
                self._delay = first_at - self._struck[key]  # so it was the first repetition
                return messages + self._keep(key, at)
            messages += self._strike(first, first_at)
        if gap < FASTEST_STROKES_SECONDS:
            return messages + self._keep(key, at)
        if gap < float("inf") and self._may_repeat(at - self._struck[key]):
            self._undecided = key, at
            return messages + self._keep(key, at)
        return messages + self._strike(key, at)

    def look(self, now: float) -> list[Timed]:
        """Return what has come due: ends of notes, and strokes that were in doubt."""
        messages: list[Timed] = []
        if self._undecided is not None and now - self._undecided[1] > UNDECIDED_SECONDS:
            key, at = self._undecided
            self._undecided = None
            messages += self._strike(key, at)
        for key in [key for key, note in self._sounding.items() if note.ends <= now]:
            messages += self._end(key, self._sounding[key].ends)
        return messages

    def release_all(self, now: float) -> list[Timed]:
        """Return note-offs for all sounding notes."""
        self._undecided = None
        return [message for key in list(self._sounding) for message in self._end(key, now)]

    def _may_repeat(self, since_struck: float) -> bool:
        if self._delay is not None:
            return abs(since_struck - self._delay) < DELAY_TOLERANCE_SECONDS
        return SHORTEST_DELAY_SECONDS <= since_struck <= LONGEST_DELAY_SECONDS

    def _strike(self, key: str, at: float) -> list[Timed]:
        target = self.pitch_of(key)
        assert target is not None
        channel, pitch = target
        messages: list[Timed] = []
        for other, note in list(self._sounding.items()):
            if note.channel == channel and (
                other == key or (channel != DRUM_CHANNEL and at - note.struck > TOGETHER_SECONDS)
            ):
                messages += self._end(other, at)
        self._struck[key] = at
        self._sounding[key] = _Sounding(channel, pitch, at, at + self.length_seconds)
        return [*messages, (at, encode(NoteOn(channel, pitch, self.velocity)))]

    def _keep(self, key: str, at: float) -> list[Timed]:
        """Keep the note of a held key going."""
        if key in self._sounding:
            note = self._sounding[key]
            note.ends = max(note.ends, at + KEEP_SECONDS)
        return []

    def _end(self, key: str, at: float) -> list[Timed]:
        note = self._sounding.pop(key)
        return [(at, encode(NoteOff(note.channel, note.pitch)))]
