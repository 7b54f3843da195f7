"""The song a session practises with: its bars, meters and tempos, looked up by song bar. Empty without a song."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from companion.music import Bar, Note, TimeSignature
from companion.music.units import RESOLUTION
from companion.session.api.settings import Song

HELD_BARS = 16  # a note that began longer ago is not resumed
HELD_BEATS = 0.25  # a note with no more than this left counts as ended


class SongBook:
    """Song bars from 0; bars past the end do not exist (rests in the default meter)."""

    def __init__(self, song: Song | None, default_meter: TimeSignature) -> None:
        self.use(song, default_meter)

    def use(self, song: Song | None, default_meter: TimeSignature) -> None:
        """Take another song, or none."""
        self.song = song
        self.default_meter = default_meter
        self.transpose = 0
        self.bar_count = song.score.bar_count if song else 0
        self._meters = self._read_meters()
        self._starts = [0.0]
        for meter in self._meters:
            self._starts.append(self._starts[-1] + float(meter.beats))
        self._cache: dict[tuple[int, int, int], tuple[Note, ...]] = {}

    def transpose_to(self, semitones: int) -> None:
        """Read notes in this key from now on, in semitones from the written one."""
        self.transpose = semitones

    def set_default_meter(self, meter: TimeSignature) -> None:
        """Set the meter of bars that are not written."""
        self.default_meter = meter

    def meter(self, song_bar: int) -> TimeSignature | None:
        """The written meter; None if nothing is written."""
        return self._meters[song_bar] if 0 <= song_bar < self.bar_count else None

    def meter_at(self, song_bar: int) -> TimeSignature:
        """The meter of any bar. The last bar before a pickup is shorter by the pickup, so that the two make one bar."""
        if song_bar >= 0:
            return self.meter(song_bar) or self.default_meter
        if not self.is_pickup(0):
            return self.meter(0) or self.default_meter
        following = self._meters[1]
        left = (following.beats - self._meters[0].beats) * following.denominator / 4
        is_whole = song_bar == -1 and left.denominator == 1
        return TimeSignature(int(left), following.denominator) if is_whole else following

    def count_in(self, song_bar: int, bars: int) -> tuple[float, TimeSignature]:
        """Beats to count before a song bar for this many bars, and the meter to count in.

        Before a pickup (a first bar shorter than the one behind it) the meter that follows is counted, less what the pickup holds.
        """
        meter = self.meter(song_bar) or self.default_meter
        if self.is_pickup(song_bar):
            following = self._meters[1]
            return max(bars * float(following.beats) - float(meter.beats), 0.0), following
        return bars * float(meter.beats), meter

    def is_pickup(self, song_bar: int) -> bool:
        """Whether a song bar is only the end of a bar before the first."""
        return song_bar == 0 and self.bar_count > 1 and self._meters[0].beats < self._meters[1].beats

    def locate(self, beats: float) -> tuple[int, float]:
        """(song bar, beats into it) of a position counted from the song's beginning."""
        if beats < self._starts[-1]:
            bar = max(0, bisect_right(self._starts, beats) - 1)
            return bar, beats - self._starts[bar]
        length = float(self.default_meter.beats)
        past = beats - self._starts[-1]
        return self.bar_count + int(past // length), past % length

    def start(self, song_bar: int) -> float:
        """Beats from the song's beginning to a bar line."""
        if song_bar <= self.bar_count:
            return self._starts[max(0, song_bar)]
        return self._starts[-1] + (song_bar - self.bar_count) * float(self.default_meter.beats)

    def notes(self, track: int | None, song_bar: int, transpose: int | None = None) -> tuple[Note, ...] | None:
        """The written notes at 480 ticks a quarter, transposed except for drums; None if nothing is written."""
        if self.song is None or track is None or not 0 <= song_bar < self.bar_count:
            return None
        if not 0 <= track < len(self.song.score.tracks):
            return None
        key = (track, song_bar, self.transpose if transpose is None else transpose)
        if key not in self._cache:
            self._cache[key] = self._read_notes(*key)
        return self._cache[key]

    def held_into(self, track: int | None, song_bar: int, transpose: int | None = None) -> tuple[Note, ...]:
        """Notes begun in earlier bars that sound on over this bar's line, as notes from there on, in order of pitch.

        For music that starts here, as a sequencer "chases" notes. A pitch that is struck again on the line is left out.
        """
        line = self.start(song_bar)
        struck = {note.pitch for note in self.notes(track, song_bar, transpose) or () if note.onset_ticks == 0}
        held: dict[int, Note] = {}
        for bar in range(max(0, song_bar - HELD_BARS), song_bar):
            for note in self.notes(track, bar, transpose) or ():
                rest = self.start(bar) + (note.onset_ticks + note.duration_ticks) / RESOLUTION - line
                if rest > HELD_BEATS and note.pitch not in struck:
                    held[note.pitch] = Note(0, round(rest * RESOLUTION), note.pitch, note.velocity)
        return tuple(held[pitch] for pitch in sorted(held))

    def bpm_at(self, song_bar: int, beat: float = 0.0) -> float | None:
        """The written tempo at a place; None without a song."""
        if self.song is None:
            return None
        position = self.start(song_bar) + beat
        marks = self.song.tempo_changes
        if not marks:
            return None
        reached = [bpm for start, bpm in marks if start <= position + 1e-6]
        return reached[-1] if reached else marks[0][1]

    def next_tempo_change(self, song_bar: int, beat: float) -> float | None:
        """Beats from this bar's line to the next written tempo within the bar, None where there is none."""
        if self.song is None or not 0 <= song_bar < self.bar_count:
            return None
        line, length = self.start(song_bar), float(self._meters[song_bar].beats)
        for start, _ in self.song.tempo_changes:
            if beat + 1e-6 < start - line < length:
                return start - line
        return None

    def _read_meters(self) -> list[TimeSignature]:
        if self.song is None:
            return []
        longest = max(self.song.score.tracks, key=lambda track: len(track.bars))
        return [bar.time_signature for bar in longest.bars]

    def _read_notes(self, track: int, song_bar: int, transpose: int) -> tuple[Note, ...]:
        assert self.song is not None
        score = self.song.score
        written = score.tracks[track]
        bar = written.bars[song_bar] if song_bar < len(written.bars) else Bar()
        shift = 0 if written.is_drum else transpose
        if shift == 0 and score.resolution == RESOLUTION:
            return bar.notes
        notes = []
        for note in bar.notes:
            pitch = note.pitch + shift
            if 0 <= pitch <= 127:
                notes.append(_scaled(replace(note, pitch=pitch), score.resolution))
        return tuple(notes)


def _scaled(note: Note, resolution: int) -> Note:
    if resolution == RESOLUTION:
        return note
    exact = (note.onset_ticks + note.delta / resolution) * RESOLUTION / resolution
    onset = max(0, round(exact))
    duration = max(1, round(note.duration_ticks * RESOLUTION / resolution))
    return Note(onset, duration, note.pitch, note.velocity, round((exact - onset) * RESOLUTION))
