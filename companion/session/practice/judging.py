"""Judges the player's written part within a session: the expected notes bar by bar, the played notes, and a record of every pass."""

from __future__ import annotations

from dataclasses import replace

from companion.music.units import RESOLUTION
from companion.session.api.effects import JudgedNote, PassFinished
from companion.session.extension import Context
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.practice.accuracy import (
    WINDOW_SECONDS,
    AccuracyMeter,
    Judgement,
    PlayedNote,
    Tally,
    WrittenNote,
    window_beats,
)
from companion.session.practice.loop import Passes

EXPECTED_AHEAD_BARS = 1
SETTLE_BEATS = 0.5  # how often judgements are brought up to date
PASSES_KEPT = 3


class Judge:
    """One player's part: that of the first human lane with a written track. Without one nothing is judged."""

    def __init__(self, context: Context, passes: Passes) -> None:
        self._context, self._passes = context, passes
        self._performance, self._time = context.performance, context.time
        self._meter = AccuracyMeter()
        self._expected_bar = -1
        self._settled_beats = 0.0
        self._going_on = False  # a pass has begun and not ended
        # Passes that ended but are not settled yet, each with the session bar behind it.
        self._ended: list[tuple[int, PassFinished]] = []
        self._tallies: dict[int, Tally] = {}

    def bar_started(self, bar: int) -> None:
        """Expect what is written in this bar and the next."""
        self._going_on = True
        lane = self._lane()
        self._expected_bar = max(self._expected_bar, bar - 1)
        while self._expected_bar < bar + EXPECTED_AHEAD_BARS:
            self._expected_bar += 1
            if lane is not None:
                self._meter.expect(self._written_notes(lane, self._expected_bar))

    def note_played(self, note: CapturedNote) -> None:
        """A note of the player's lane."""
        lane = self._lane()
        if lane is None or note.lane != lane.index or not self._performance.running:
            return
        bar = max(self._time.timeline.locate(note.onset_beats).bar, self._time.timeline.segment_bar)
        if note.onset_beats < self._time.timeline.start(bar) - window_beats(60 / self._time.clock.bpm):
            return  # in the count-in only a note that anticipates the first bar counts
        self._meter.play(
            PlayedNote(
                note.onset_beats,
                note.pitch,
                60 / self._time.clock.bpm,
                self._passes.number(bar),
                self._time.timeline.song_bar(bar),
                note.onset_beats - self._time.timeline.start(bar),
            )
        )

    def pass_ended(self, number: int, next_bar: int) -> None:
        """The last bar of a pass is over; its last notes may still come."""
        if not self._going_on:
            return
        self._going_on = False
        first, last = self._passes.first_bar(next_bar - 1), next_bar - 1
        end = min(
            self._time.timeline.song_bar(last) + 1, self._time.songbook.bar_count
        )  # the song stops just after its end
        bars = self._time.timeline.song_bar(first), end
        settings = self._passes.settings(last)
        self._ended.append((next_bar, PassFinished(number, settings.tempo_factor, settings.transpose, bars)))

    def stopped(self, position: float) -> None:
        """The music stopped: what was to come is not missed, and the pass is over as far as it went."""
        self._meter.forget_pending(position)
        self._expected_bar = -1
        self._settle(float("inf"))
        number = self._passes.number(max(self._performance.bar, 0))
        whole_bar = position >= self._time.timeline.end(self._passes.first_bar(max(self._performance.bar, 0)))
        if self._performance.bar >= 0 and (whole_bar or self._meter.tally(number).accuracy is not None):
            self.pass_ended(number, self._performance.bar + 1)
            self._settle(float("inf"))

    def part_changed(self) -> None:
        """Another part is the player's from the next bar on."""
        self._meter.forget_pending(self._time.timeline.start(self._performance.bar + 1))
        self._expected_bar = self._performance.bar

    def advance(self, position: float) -> None:
        """Bring judgements up to date, if enough time has gone by."""
        if position - self._settled_beats >= SETTLE_BEATS:
            self._settle(position)

    def tally(self, number: int) -> Tally:
        """The tally of a pass so far."""
        return self._tallies[number] if number in self._tallies else self._meter.tally(number)

    def accuracy(self, number: int) -> float | None:
        """The accuracy of a pass so far; None if nothing was judged."""
        return self.tally(number).accuracy

    def part_name(self) -> str:
        """The written part that is compared with what is played; "" without one."""
        lane = self._lane()
        if lane is None or lane.song_track is None or self._time.songbook.song is None:
            return ""
        return self._time.songbook.song.score.tracks[lane.song_track].name or "your part"

    def _settle(self, position: float) -> None:
        self._settled_beats = min(position, self._time.timeline.start(max(self._performance.bar, 0) + 1))
        self._meter.advance(position)
        slack = 3 * WINDOW_SECONDS * self._time.clock.bpm / 60
        while self._ended and position >= self._time.timeline.start(self._ended[0][0]) + slack:
            self._finish(self._ended.pop(0)[1])

    def _finish(self, finished: PassFinished) -> None:
        number = finished.number
        judged = tuple(_judged_note(item) for item in self._meter.judgements(number))
        self._context.emit(replace(finished, notes=judged))
        self._tallies[number] = self._meter.tally(number)
        self._meter.forget_pass(number)
        for old in [old for old in self._tallies if old <= number - PASSES_KEPT]:
            del self._tallies[old]

    def _lane(self) -> Lane | None:
        return next((lane for lane in self._context.lanes.of("human") if lane.song_track is not None), None)

    def _written_notes(self, lane: Lane, bar: int) -> list[WrittenNote]:
        """What the player has to play in a session bar, in the key of its pass."""
        song_bar = self._time.timeline.song_bar(bar)
        number, line = self._passes.number(bar), self._time.timeline.start(bar)
        notes = self._time.songbook.notes(lane.song_track, song_bar, self._passes.settings(bar).transpose) or ()
        beats = [(note.onset_ticks + note.delta / RESOLUTION) / RESOLUTION for note in notes]
        return [
            WrittenNote(line + beat, note.pitch, number, song_bar, beat)
            for note, beat in zip(notes, beats, strict=True)
        ]


def _judged_note(item: Judgement) -> JudgedNote:
    written, played = item.written, item.played
    note = written or played
    assert note is not None
    return JudgedNote(
        note.bar,
        round(note.beat, 4),
        item.verdict,
        written.pitch if written else None,
        played.pitch if played else None,
        round(1000 * item.offset_seconds, 3),
    )
