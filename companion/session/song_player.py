"""A song as it is to sound: which bar, in which key, at which tempo, cut where a loop closes.

Knows the song and the passes through it. Knows no clock and sends nothing: the session asks for bars ahead of time and
schedules them; positions stay musical, so tempo changes bend them later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from companion.errors import UsageError
from companion.music import Bar, TimeSignature
from companion.session.loop import Loop, PassMap, Place
from companion.session.settings import PracticeSettings, Song
from companion.session.trainer import PassSettings, check_transposition, first_pass, next_pass, transpose_bar


class SongPlayer:
    """Answers what a session needs to know about bar after bar of a song.

    Raises UsageError at once for a song without bars, a loop outside it, a tempo or a transposition that cannot be.
    """

    def __init__(self, song: Song, practice: PracticeSettings | None = None) -> None:
        if not song.score.bar_count:
            raise UsageError(f"{song.title or 'the song'} has no bars")
        self.song = song
        self.practice = practice = practice or PracticeSettings()
        self.passes = PassMap.of(song.score.bar_count, practice.loop)
        self._pass_settings = {1: first_pass(practice)}
        check_transposition(song.score, practice.transpose)
        self._meters = _meters(song)
        starts = list(accumulate((float(meter.beats) for meter in self._meters), initial=0.0))
        self._tempo_marks = _marks_by_bar(song.tempo_changes, starts)

    @property
    def bar_count(self) -> int:
        """Bars of the song."""
        return len(self._meters)

    def place(self, session_bar: int) -> Place | None:
        """The song's bar in this bar of the session; None before its beginning and after its end."""
        return self.passes.at(session_bar)

    def pass_settings(self, session_bar: int) -> PassSettings:
        """Tempo factor and key in this bar; for passes not begun yet as it stands now."""
        place = self.place(session_bar)
        number = place.pass_number if place else max(self._pass_settings)
        return self._pass_settings[max(known for known in self._pass_settings if known <= max(number, 1))]

    def meter(self, session_bar: int) -> TimeSignature:
        """The meter of this bar; before and after the song that of its first or last bar."""
        place = self.place(session_bar)
        if place:
            return self._meters[place.song_bar]
        return self._meters[0 if session_bar < 0 else -1]

    def tempo_marks(self, session_bar: int) -> tuple[tuple[float, float], ...]:
        """(beat in the bar, BPM) of every tempo in this bar, scaled; the first at beat 0."""
        factor = self.pass_settings(session_bar).tempo_factor
        place = self.place(session_bar)
        marks = self._tempo_marks[place.song_bar if place else 0 if session_bar < 0 else -1]
        return tuple((beat, bpm * factor) for beat, bpm in marks)

    def bar(self, track: int, session_bar: int) -> Bar:
        """What a written track sounds in this bar, in the pass's key.

        Notes end at the latest where the song jumps (loop seam, seek, end), so that none hangs over into bars it does
        not belong to; notes begun before a loop's first bar are not begun again inside it.
        """
        place = self.place(session_bar)
        if place is None:
            return Bar((), self.meter(session_bar))
        bar = self.written(track, place.song_bar, self.pass_settings(session_bar).transpose)
        return self._cut_at_seam(bar, session_bar)

    def written(self, track: int, song_bar: int, transpose: int = 0) -> Bar:
        """A bar of the song itself (for context: past and future), in this key; empty outside the song."""
        bars = self.song.score.tracks[track].bars
        if not 0 <= song_bar < len(bars):
            return Bar((), self._meters[min(max(song_bar, 0), self.bar_count - 1)])
        return transpose_bar(bars[song_bar], transpose, self.song.score.tracks[track].is_drum)

    def begin_pass(self, number: int, accuracy: float | None = None) -> PassSettings:
        """Settle how pass `number` is played, from how the one before was; asked again it answers the same."""
        if number not in self._pass_settings:
            last = self._pass_settings[max(known for known in self._pass_settings if known < number)]
            self._pass_settings[number] = next_pass(last, self.practice, accuracy)
        return self._pass_settings[number]

    def set_loop(self, loop: Loop | None, from_bar: int) -> None:
        """Another loop from this session bar on; UsageError if the song has no such bars."""
        self.passes = self.passes.with_loop(loop, from_bar)

    def seek(self, song_bar: int, from_bar: int) -> None:
        """Another place in the song from this session bar on; UsageError if the song has no such bar."""
        self.passes = self.passes.with_seek(song_bar, from_bar)

    def restart(self, loop: Loop | None) -> None:
        """From session bar 0 again, first pass."""
        self.passes = PassMap.of(self.bar_count, loop)
        self._pass_settings = {1: self._pass_settings[max(self._pass_settings)]}

    def set_tempo_factor(self, factor: float, session_bar: int) -> None:
        """The player chose a tempo: it holds from the pass of this bar on."""
        checked = first_pass(replace(self.practice, tempo_factor=factor, trainer=None))
        self._change(session_bar, tempo_factor=checked.tempo_factor)

    def set_transpose(self, semitones: int, session_bar: int) -> None:
        """The player chose a key: it holds from the pass of this bar on; UsageError if notes would not fit."""
        check_transposition(self.song.score, semitones)
        self._change(session_bar, transpose=semitones)

    def next_section(self, session_bar: int) -> int | None:
        """The song bar where the next section begins; the first section's after the last."""
        place = self.place(session_bar)
        starts = sorted(bar for bar, _ in self.song.sections)
        if place is None or not starts:
            return None
        return next((bar for bar in starts if bar > place.song_bar), starts[0])

    def section_loop(self, session_bar: int) -> Loop | None:
        """The bars of the section that sounds in this bar, for "loop here"; the bar alone where there are no sections."""
        place = self.place(session_bar)
        if place is None:
            return None
        edges = sorted({0, self.bar_count, *(bar for bar, _ in self.song.sections)})
        if len(edges) == 2:
            return place.song_bar, place.song_bar + 1
        start = max(edge for edge in edges if edge <= place.song_bar)
        return start, min(edge for edge in edges if edge > place.song_bar)

    def _change(self, session_bar: int, **changes: float) -> None:
        place = self.place(session_bar)
        number = place.pass_number if place else 1
        changed = replace(self.pass_settings(session_bar), **changes)  # pyright: ignore[reportArgumentType]
        self._pass_settings = {known: value for known, value in self._pass_settings.items() if known < number}
        self._pass_settings[number] = changed

    def _cut_at_seam(self, bar: Bar, session_bar: int) -> Bar:
        resolution = self.song.score.resolution
        length = bar.length_ticks(resolution)
        if all(note.onset_ticks + note.duration_ticks <= length for note in bar.notes):
            return bar
        seam = self.passes.seam_after(session_bar) or session_bar + 1
        room = sum(self.meter(later).bar_ticks(resolution) for later in range(session_bar, seam))
        notes = tuple(
            replace(note, duration_ticks=max(1, min(note.duration_ticks, room - note.onset_ticks)))
            for note in bar.notes
        )
        return replace(bar, notes=notes)


def _meters(song: Song) -> tuple[TimeSignature, ...]:
    longest = max(song.score.tracks, key=lambda track: len(track.bars))
    return tuple(bar.time_signature for bar in longest.bars)


def _marks_by_bar(
    changes: Sequence[tuple[float, float]], starts: Sequence[float]
) -> list[tuple[tuple[float, float], ...]]:
    """For every bar its tempos as (beat in the bar, BPM), the first at beat 0."""
    marks: list[tuple[tuple[float, float], ...]] = []
    bpm = changes[0][1] if changes else 120.0
    pending = list(changes)
    for start, end in pairwise(starts):
        inside = {0.0: bpm}
        while pending and pending[0][0] < end - 1e-9:
            position, bpm = pending.pop(0)
            inside[max(0.0, position - start)] = bpm
        marks.append(tuple(sorted(inside.items())))
    return marks
