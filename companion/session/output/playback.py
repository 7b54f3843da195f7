"""Turns bars into sound: a bar is decided just before its line, and its notes go to the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from companion.midi.messages import ControlChange, ProgramChange
from companion.music import Note
from companion.music.units import DRUM_CHANNEL, RESOLUTION
from companion.session.input.capture import Capture
from companion.session.lanes import Lane, Lanes
from companion.session.output.click import ENTER_BEATS, Metronome
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import BARS_KEPT, Plan, PlanBar
from companion.session.output.scheduler import LATE_SECONDS, Scheduler, Voice
from companion.session.output.song_controls import SongControls
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime

# A bar is decided this long before its line, plus the longest output latency, so that its early notes are in time.
COMMIT_SECONDS = 0.03
MAX_NOTE_BEATS = 64.0
USUAL_MIX = {7: 100, 10: 64}  # controllers of volume and pan, and their initial values in General MIDI


class Playback:
    """Commits bars and schedules their notes; ends what a lane sounds. Positions are session beats."""

    def __init__(
        self,
        performance: Performance,
        time: MusicalTime,
        lanes: Lanes,
        plan: Plan,
        capture: Capture,
        decisions: Decisions,
        scheduler: Scheduler,
        metronome: Metronome,
        controls: SongControls,
        outbox: Outbox,
        loudness: Callable[[Lane], float],
    ) -> None:
        self._performance, self._time, self._lanes = performance, time, lanes
        self._plan, self._capture, self._decisions = plan, capture, decisions
        self._scheduler, self._metronome, self._outbox = scheduler, metronome, outbox
        self._controls = controls
        self._loudness = loudness

    def commit_seconds(self, bar: int) -> float:
        """The time at which a bar is decided."""
        line = self._time.to_seconds(self._time.timeline.start(bar))
        return line - COMMIT_SECONDS - self._scheduler.max_latency

    def commit_bar(self, bar: int, from_position: float | None = None) -> None:
        """Decide what every lane of ours plays in a bar, and schedule it (from a position within it, if given)."""
        self._performance.commit(bar)
        self._controls.bar(bar, from_position)
        for lane in self._lanes.of("companion", "backing"):
            self._schedule(lane, bar, self._decisions.decide(lane, bar).notes(), from_position)
        self._metronome.bar(bar, from_position)
        self._plan.forget_before(bar - BARS_KEPT)
        self._capture.forget_before(bar - BARS_KEPT)

    def replay_bar(self, bar: int, from_position: float) -> None:
        """Schedule the rest of a bar that is committed already (the music goes on after a stop)."""
        self._controls.bar(bar, from_position)
        for lane in self._lanes.of("companion", "backing"):
            self._schedule(lane, bar, self._plan.notes(lane.index, bar), from_position)
        self._metronome.bar(bar, from_position)

    def stream_note(self, lane: Lane, cell: PlanBar, note: Note, now: float) -> bool:
        """A note of a committed bar has only now been decoded; False: it is past due and dropped."""
        if not self._performance.running:
            return True  # it waits with the rest of the bar
        start, end = self._span(cell.bar, note)
        if self._time.to_seconds(start) - self._scheduler.max_latency >= now - LATE_SECONDS:
            velocity = _velocity(note, self._factor(lane))
            self._scheduler.add(_voice(lane), cell.bar, note.pitch & 127, velocity, start, end)
            return True
        self._outbox.count("late_notes_dropped")
        self._decisions.note_was_late(cell)
        return False

    def reaches(self, position: float, now: float) -> bool:
        """Whether what is ready at `now` can still sound at a position."""
        return self._time.to_seconds(position) - self._scheduler.max_latency >= now

    def rewrite(self, lane: Lane, bar: int, from_beat: float, notes: Iterable[Note], tones: frozenset[int]) -> None:
        """A lane plays other notes from a beat of the bar that sounds; what sounds then goes on only in `tones` (0-11)."""
        rest = tuple(notes)
        position = self._time.timeline.start(bar) + from_beat
        self._scheduler.revise(lane.index, position, lambda key: key % 12 in tones)
        self._plan.rewrite(lane.index, bar, from_beat, rest, tones)
        self._schedule(lane, bar, rest, None)

    def send_programs(self, now: float, port: str | None = None) -> None:
        """Choose every lane's instrument, on one port or all; what a song says beside its notes follows with its bars."""
        if port is None:
            self._controls.introduce(now, self._time.timeline.song_bar(self._performance.bar + 1))
        else:
            self._controls.port_back(port)
        for lane in self._lanes.of("companion", "backing"):
            if port is None or lane.output_port == port:
                self.send_program(lane, now)
                self.send_mix(lane, now)

    def send_program(self, lane: Lane, now: float, always: bool = False, bar: int | None = None) -> None:
        """Choose a lane's instrument, now or on the line of a bar; a standard drum kit need not be chosen, unless `always`."""
        if always or lane.out_channel != DRUM_CHANNEL or lane.program:
            self._send_to(lane, ProgramChange(lane.out_channel, lane.program), now, bar)

    def send_mix(self, lane: Lane, now: float, reset: bool = False, bar: int | None = None) -> None:
        """Set a lane's volume and pan on its output, as far as somebody has chosen them; the usual values else, with `reset`.

        bar: on its line instead of now.
        """
        for (controller, usual), chosen in zip(USUAL_MIX.items(), (lane.volume, lane.pan), strict=True):
            value = usual if chosen is None and reset else chosen
            if value is not None:
                self._send_to(lane, ControlChange(lane.out_channel, controller, value), now, bar)

    def _send_to(self, lane: Lane, message: ProgramChange | ControlChange, now: float, bar: int | None) -> None:
        """Send a message now, or on the line of a bar: behind the note-offs there, before the note-ons."""
        if bar is None:
            self._outbox.send(lane.output_port, message, now, lane.index)
        else:
            self._scheduler.add_control(_voice(lane), bar, message, self._time.timeline.start(bar))

    def rest(self, now: float) -> None:
        """The music stops: forget waiting notes, end those that sound, and lift the pedals."""
        self._scheduler.stop(now)
        self._controls.rest(now)

    def add_notes(self, lane: Lane, bar: int, notes: Iterable[Note]) -> None:
        """Further notes in a bar that is decided already: they sound, and belong to its history."""
        added = tuple(notes)
        self._plan.add(lane.index, bar, added)
        self._schedule(lane, bar, added, None)

    # -- silence ------------------------------------------------------------------------------------------------------

    def end_lane(self, lane: Lane, now: float) -> None:
        """End all notes of a lane, also those that wait."""
        self._scheduler.cancel(lane.index)
        self._scheduler.silence(now, [lane.index])

    def end_on_line(self, lane: Lane, bar: int) -> None:
        """End all notes of a lane on the line of a bar, also those that wait for later."""
        self._scheduler.revise(lane.index, self._time.timeline.start(bar), lambda key: False)

    def silence_lane(self, lane: Lane, now: float) -> None:
        """End the sounding notes of a lane. Waiting notes will still sound."""
        self._scheduler.silence(now, [lane.index])

    def silence_unheard(self, now: float) -> None:
        """End the notes that mute and solo no longer allow."""
        self._scheduler.silence(now, [lane.index for lane in self._lanes if not self._lanes.audible(lane)])

    def fall_silent(self, lane: Lane, position: float, now: float) -> None:
        """A lane ends at a position, at once. What did not sound did not happen: neither history nor a resumed bar has it."""
        self.end_lane(lane, now)
        for bar in range(self._performance.bar, self._performance.committed_bar + 1):
            self._plan.cut(lane.index, bar, (position - self._time.timeline.start(bar)) * RESOLUTION)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _schedule(self, lane: Lane, bar: int, notes: Iterable[Note], from_position: float | None) -> None:
        voice, factor = _voice(lane), self._factor(lane)
        for note in notes:
            start, end = self._span(bar, note)
            if from_position is None or start >= from_position - ENTER_BEATS:
                self._scheduler.add(voice, bar, note.pitch & 127, _velocity(note, factor), start, end)

    def _factor(self, lane: Lane) -> float | None:
        """How loud a lane plays while somebody leads; None for a song's written parts, which stay as they are."""
        return self._loudness(lane) if lane.role == "companion" else None

    def _span(self, bar: int, note: Note) -> tuple[float, float]:
        """Start and end of a note of a bar, in session beats."""
        timeline = self._time.timeline
        line = timeline.start(bar)
        start = line + (note.onset_ticks + note.delta / RESOLUTION) / RESOLUTION
        end = start + min(MAX_NOTE_BEATS, max(1, note.duration_ticks) / RESOLUTION)
        if self._time.songbook.song is not None and (seam := timeline.seam_after(bar, end - line)) is not None:
            return start, seam  # at the end of a loop, no note hangs over into a bar to which it does not belong
        return start, end


def _velocity(note: Note, factor: float | None) -> int:
    return note.velocity if factor is None else min(127, max(1, round(note.velocity * factor)))


def _voice(lane: Lane) -> Voice:
    return Voice(lane.index, lane.output_port, lane.out_channel)
