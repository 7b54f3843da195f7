"""Note, Bar, Track, Score: immutable values shared by every layer.

All are hashable, so that work done for a bar (encoding, attributes) can be cached by the bar itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from companion.music.meter import TimeSignature


@dataclass(frozen=True, slots=True)
class Note:
    """One note inside a bar.

    onset_ticks: from the bar line, in ticks of the score's resolution (may lie past the bar's end in files read
        from a wrong source; the encoder clamps). duration_ticks: at least 1, may cross bar lines.
    delta: what the grid lost, in 1/resolution of a tick: exact onset in quarter notes
        = (onset_ticks + delta / resolution) / resolution.
    """

    onset_ticks: int
    duration_ticks: int
    pitch: int
    velocity: int = 100
    delta: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """The notes whose onset falls between two bar lines, in order of onset."""

    notes: tuple[Note, ...] = ()
    time_signature: TimeSignature = TimeSignature(4, 4)

    def length_ticks(self, resolution: int) -> int:
        """Length in ticks at `resolution` ticks a quarter."""
        return self.time_signature.bar_ticks(resolution)


@dataclass(frozen=True, slots=True)
class Track:
    """One instrument's bars. `channel` (0-15) and `name` are for ports and screens; the encoder ignores them."""

    bars: tuple[Bar, ...]
    program: int = 0
    is_drum: bool = False
    name: str = ""
    channel: int | None = None

    def with_bar(self, index: int, bar: Bar) -> Track:
        """A copy with one bar replaced."""
        return replace(self, bars=(*self.bars[:index], bar, *self.bars[index + 1 :]))


@dataclass(frozen=True, slots=True)
class Score:
    """Tracks with the same number of bars, on a grid of `resolution` ticks a quarter.

    tempo: microseconds per quarter note of the first tempo mark (500000 = 120 BPM).
    """

    tracks: tuple[Track, ...]
    resolution: int = 480
    tempo: int = 500_000

    @classmethod
    def from_midi(cls, data: bytes, resolution: int = 480) -> Score:
        """Read the bytes of a MIDI file as midigpt does, for work that is compared with it; raises MidiFileError.

        `companion.midi.file.read_midi` reads what the file means: state shared by tracks, the pedal, silent bars, empty parts.
        """
        from companion.music.files.songs.song_reader import song_from_bytes

        return song_from_bytes(data, resolution, as_midigpt=True).score

    def to_midi(self) -> bytes:
        """The bytes of a MIDI file with this score (`companion.midi.file.write_midi` writes files)."""
        from companion.music.files.songs.song_writer import song_to_bytes

        return song_to_bytes(self)

    @property
    def bar_count(self) -> int:
        """Bars of the longest track."""
        return max((len(track.bars) for track in self.tracks), default=0)

    def window(self, start: int, end: int) -> Score:
        """Bars start..end-1 of every track; bars past the end are missing, not padded."""
        return replace(self, tracks=tuple(replace(track, bars=track.bars[start:end]) for track in self.tracks))

    def with_track(self, index: int, track: Track) -> Score:
        """A copy with one track replaced."""
        return replace(self, tracks=(*self.tracks[:index], track, *self.tracks[index + 1 :]))

    def select_tracks(self, indices: Iterable[int]) -> Score:
        """Only these tracks, in this order."""
        return replace(self, tracks=tuple(self.tracks[index] for index in indices))


def empty_bars(meters: Sequence[TimeSignature]) -> tuple[Bar, ...]:
    """One rest bar per meter."""
    return tuple(Bar((), meter) for meter in meters)
