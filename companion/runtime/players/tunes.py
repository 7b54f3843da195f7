"""Recorded players for the demo: a melody over changes, a waltz, a blues and a drum beat, all written for this program.

A tune is text: one string a bar, items `pitch:beats`, chords with `+`, rests `-`, velocity after `@`. It is performed with a
human's small deviations and with clock ticks as unsteady as a real port delivers them; both are drawn from a seed.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from companion.errors import UsageError
from companion.midi.codec import encode
from companion.midi.messages import ClockStart, ClockStop, ClockTick, NoteOff, NoteOn
from companion.music import TimeSignature
from companion.music.units import CLOCK_TICKS_PER_BEAT
from companion.runtime.players.manner import USUAL, Manner
from companion.session.api.settings import TrackSettings

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DRUMS = {"k": 36, "s": 38, "h": 42, "o": 46, "r": 51, "c": 49, "t": 45, "f": 41}
BASS, PIANO, DRUMS, STRINGS, ORGAN = (
    TrackSettings("bass", "companion", program=33, channel=1, attributes={"max_polyphony": 0}),
    TrackSettings("piano", "companion", program=0, channel=2),
    TrackSettings("drums", "companion", is_drum=True, channel=9),
    TrackSettings("strings", "companion", program=48, channel=3),
    TrackSettings("organ", "companion", program=16, channel=2),
)


@dataclass(frozen=True, slots=True)
class TuneNote:
    """onset and duration in quarter notes, onset from the bar line. channel: 0-15; None stands for the player's own."""

    onset: float
    duration: float
    key: int
    velocity: int
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Player:
    """One recorded player: what they play, over and over, and who joins in."""

    name: str
    title: str
    bpm: float
    time_signature: TimeSignature
    program: int
    is_drum: bool
    bars: tuple[tuple[TuneNote, ...], ...]
    companions: tuple[TrackSettings, ...]

    @property
    def channel(self) -> int:
        """The player's channel, 0-15."""
        return 9 if self.is_drum else 0


@dataclass(frozen=True, slots=True)
class TrueClock:
    """The master's clock without its jitter: beat b is at start_seconds + b * 60 / bpm."""

    start_seconds: float
    bpm: float

    def seconds_at(self, beats: float) -> float:
        """The ideal time of a position."""
        return self.start_seconds + beats * 60 / self.bpm


def _key(name: str) -> int:
    """ "F#4" → 66."""
    step = _STEPS[name[0]] + {"#": 1, "b": -1}.get(name[1], 0)
    return 12 * (int(name[-1]) + 1) + step


def _tune_bar(text: str) -> tuple[TuneNote, ...]:
    notes, onset = [], 0.0
    for item in text.split():
        what, _, rest = item.partition(":")
        length, _, velocity = rest.partition("@")
        beats = float(length)
        if what != "-":
            loud = int(velocity or (92 if onset == 0 else 80))
            notes += [TuneNote(onset, beats * 0.92, _key(name), loud) for name in what.split("+")]
        onset += beats
    return tuple(notes)


def _drum_bar(text: str) -> tuple[TuneNote, ...]:
    """Sixteenths, separated by spaces; letters are drums, `.` nothing, a capital an accent."""
    notes = []
    for index, cell in enumerate(text.split()):
        for letter in cell.replace(".", ""):
            notes.append(TuneNote(index / 4, 0.2, _DRUMS[letter.lower()], 112 if letter.isupper() else 82))
    return tuple(notes)


_MELODY = (
    "E5:1 G5:1 C6:1.5 B5:.5",
    "A5:1 E5:1 C5:1 E5:1",
    "F5:1.5 G5:.5 A5:1 C6:1",
    "B5:1 G5:1 D5:2",
    "E5:1 G5:1 C6:1 D6:1",
    "E6:1.5 D6:.5 C6:1 A5:1",
    "F5:.5 A5:.5 C6:1 B5:.5 A5:.5 G5:1",
    "C6:3 -:1",
)
_WALTZ = (
    "D5:2 F#5:1",
    "A5:2 F#5:1",
    "G5:1 F#5:1 E5:1",
    "F#5:3",
    "B4:2 D5:1",
    "G5:2 F#5:1",
    "E5:1 C#5:1 A4:1",
    "D5:2 -:1",
)
_BLUES = (
    "A3+C#4:1 -:.5 E4:.5 G4:.5 E4:.5 A4:1",
    "-:1 G4:.5 E4:.5 D4:.5 C4:.5 A3:1",
    "A3+C#4:1 -:.5 E4:.5 G4:.5 A4:.5 C5:1",
    "A4:2 G4:.5 E4:.5 -:1",
    "D4+F#4:1 -:.5 A4:.5 C5:.5 A4:.5 D5:1",
    "-:1 C5:.5 A4:.5 F#4:.5 F4:.5 D4:1",
    "A3+C#4:1 E4:.5 G4:.5 A4:1 C5:1",
    "A4:1.5 G4:.5 E4:1 -:1",
    "E4+G#4:1 B4:.5 D5:.5 E5:1 D5:1",
    "D4+F#4:1 A4:.5 C5:.5 D5:1 C5:1",
    "A4:.5 C5:.5 A4:.5 G4:.5 E4:.5 D4:.5 C4:.5 C#4:.5",
    "A3+E4:2 E4+G#4+D5:1 -:1",
)
_BEAT = (
    "Ck . h . Sh . h k kh . k . Sh . h .",
    "Kh . h . Sh . h k kh . k . Sh . o .",
    "Kh . h . Sh . h k kh . k . Sh . h .",
    "Kh . h . Sh . h s kh . k . S s t f",
)

PLAYERS: dict[str, Player] = {
    player.name: player
    for player in (
        Player(
            "melody", "a melody in C over changes", 112, TimeSignature(4, 4), 73, False,
            tuple(map(_tune_bar, _MELODY)), (BASS, PIANO, DRUMS),
        ),
        Player(
            "waltz", "a tune in three, in D", 132, TimeSignature(3, 4), 40, False,
            tuple(map(_tune_bar, _WALTZ)), (BASS, PIANO),
        ),
        Player(
            "blues", "twelve bars of blues in A", 104, TimeSignature(4, 4), 0, False,
            tuple(map(_tune_bar, _BLUES)), (BASS, ORGAN, DRUMS),
        ),
        Player(
            "drums", "a drum beat with a fill", 100, TimeSignature(4, 4), 0, True,
            tuple(map(_drum_bar, _BEAT)), (BASS, PIANO),
        ),
    )
}  # fmt: skip


def find_player(name: str) -> Player:
    """A player by name; UsageError lists them."""
    if name not in PLAYERS:
        raise UsageError(f"no recorded player {name!r} (there are: {', '.join(PLAYERS)})")
    return PLAYERS[name]


def perform(player: Player, clock: TrueClock, bars: int = 0, manner: Manner = USUAL) -> Iterator[tuple[float, bytes]]:
    """(time, bytes) in order: Start, jittered ticks, notes, and after `bars` bars Stop; 0 = for ever.

    Ticks run for one beat before Start, as many masters do, so that the tempo is known at the first beat.
    """
    beats = bars * float(player.time_signature.beats) if bars else math.inf
    return heapq.merge(_ticks(clock, beats, manner), _notes(player, clock, bars, manner), key=lambda item: item[0])


def _ticks(clock: TrueClock, beats: float, manner: Manner) -> Iterator[tuple[float, bytes]]:
    chance = random.Random(f"ticks {manner.seed}")
    latest = 0.0
    for tick in count(-CLOCK_TICKS_PER_BEAT):
        position = tick / CLOCK_TICKS_PER_BEAT
        if position >= beats:
            yield max(clock.seconds_at(position), latest), encode(ClockStop())
            return
        worst = 4 * manner.tick_jitter_seconds
        jitter = min(max(chance.gauss(0, manner.tick_jitter_seconds), -worst), worst)
        latest = max(clock.seconds_at(position) + jitter, latest)
        if tick == 0:
            yield latest, encode(ClockStart())
        yield latest, encode(ClockTick())


def _notes(player: Player, clock: TrueClock, bars: int, manner: Manner) -> Iterator[tuple[float, bytes]]:
    chance = random.Random(f"notes {manner.seed}")
    bar_beats = float(player.time_signature.beats)
    waiting: list[tuple[float, int, bytes]] = []
    serial = count()
    for bar in range(bars) if bars else count():
        line = bar * bar_beats
        for note in player.bars[bar % len(player.bars)]:
            early = clock.seconds_at(line + note.onset) + chance.gauss(0, manner.note_jitter_seconds)
            onset = max(early, clock.start_seconds + 0.001) if line + note.onset == 0 else early
            end = max(clock.seconds_at(line + note.onset + note.duration), onset + 0.02)
            velocity = min(max(note.velocity + round(chance.gauss(0, 5)), 1), 127)
            channel = player.channel if note.channel is None else note.channel
            on, off = NoteOn(channel, note.key, velocity), NoteOff(channel, note.key)
            heapq.heappush(waiting, (onset, next(serial), encode(on)))
            heapq.heappush(waiting, (end, next(serial), encode(off)))
        safe = clock.seconds_at(line + bar_beats) - 10 * manner.note_jitter_seconds  # the next bar begins after this
        while waiting and waiting[0][0] < safe:
            time_seconds, _, data = heapq.heappop(waiting)
            yield time_seconds, data
    while waiting:
        time_seconds, _, data = heapq.heappop(waiting)
        yield time_seconds, data
