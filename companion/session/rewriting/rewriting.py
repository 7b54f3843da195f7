"""Rewrites the rest of the sounding bar when the player contradicts it.

On every beat the player's chord is recognised from what has sounded so far. If it is not the expected chord and a part clashes with
it, the part's bar is requested once more. The new notes begin at the next place of the dial that the answer can reach. The notes
already played stand, the chord guide has the new chord, and the prompt has the player's notes up to now. If the answer is complete in
time, it replaces the rest of the bar. A single line may contradict the chord without naming another one; the rest is then written
without a chord, after the line. If the player stops dead, the parts stop on the next beat and are back in the next bar; nothing is
requested for that. The next bar's request always goes first. Locked, kept and written bars, drums, and everything in written music are
never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from companion.harmony.fit import CONTRADICTS, contradiction
from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.api.settings import RewriteDial
from companion.session.chords.chords import Chords
from companion.session.extensions import Extensions
from companion.session.input.form import pitch_class_beats
from companion.session.input.heard_form import HeardForm
from companion.session.lanes import Lane, Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.playback import Playback
from companion.session.performance import Performance
from companion.session.requests.request import Rest
from companion.session.requests.requests import NEVER, Requests
from companion.session.requests.side_requests import SideRequests
from companion.session.rewriting.clash import chord_at, clashes, lasting, share_outside, sure_chord
from companion.session.rewriting.line import CLASHES_WITH_LINE, bearable, contradicts, is_line, outside
from companion.session.rewriting.places import beat_length, places
from companion.session.rewriting.stops import SHORTEST_BEATS, Span, Stops
from companion.session.rewriting.times import RewriteTimes
from companion.session.timing.musical_time import MusicalTime

AFTER_BEAT = 1 / 8  # the player's notes on the beat are in
EARLY_BEATS = 1 / 8  # a chord may be struck this long before the half bar to which it belongs
MADE_BY_US = ("fresh", "older", "variation")  # origins of bars that may be rewritten


@dataclass(slots=True, eq=False)
class _Pending:
    """The rest of a bar that is being written. notes: by lane, as they arrive. whole_seconds: what a whole bar was expected to take."""

    request_id: int
    rest: Rest
    sent_seconds: float
    whole_seconds: float
    notes: dict[int, list[Note]] = field(default_factory=dict)


class Rewriting:
    """See the module. dial: "never", "half bar" or "beat". Beats are quarter notes from a bar line; positions are session beats."""

    def __init__(
        self,
        dial: RewriteDial,
        performance: Performance,
        time: MusicalTime,
        lanes: Lanes,
        form: HeardForm,
        chords: Chords,
        plan: Plan,
        decisions: Decisions,
        playback: Playback,
        requests: Requests,
        side: SideRequests,
        extensions: Extensions,
        outbox: Outbox,
    ) -> None:
        self._performance, self._time, self._lanes = performance, time, lanes
        self._form, self._chords, self._plan = form, chords, plan
        self._decisions, self._playback, self._outbox = decisions, playback, outbox
        self._requests, self._side, self._extensions = requests, side, extensions
        self._times, self._stops = RewriteTimes(), Stops()
        self._stopped_bar = -1  # the last bar whose parts stopped with the player
        self._bar = -1
        self._next_check_beats = 0.0  # session position
        self._tried: set[tuple[int, frozenset[int]]] = set()  # in this bar: (lane, chord) that was asked for
        self._pending: _Pending | None = None
        self._said_slow = False
        self.dial: RewriteDial = dial

    # -- wishes and times ---------------------------------------------------------------------------------------------

    def set_dial(self, dial: RewriteDial) -> None:
        """Set how finely bars are rewritten from now on."""
        self.dial = dial
        self._said_slow = False

    @property
    def is_on(self) -> bool:
        """Whether bars may be rewritten while they sound."""
        return self.dial != "never" and self._time.songbook.song is None

    def due_seconds(self) -> float:
        """Return when the player's bar is checked next, or infinity while it is not checked."""
        return self._time.to_seconds(self._next_check_beats) if self._watches() else NEVER

    def run_due(self, now: float) -> None:
        """Check the player's bar if that is due."""
        if not self._watches():
            return
        if self._performance.bar != self._bar:
            self._begin(self._performance.bar)
        if now < self.due_seconds():
            return
        step = beat_length(self._time.timeline.meter(self._bar))
        self._next_check_beats += step
        if self._next_check_beats < self._time.position(now):
            self._next_check_beats = self._time.position(now)
        if not self._stop(now):
            self._consider(now)

    # -- answers ------------------------------------------------------------------------------------------------------

    def note_came(self, request_id: int, lane: int, note: Note) -> None:
        """Take one note of the rest of a bar."""
        if self._pending is not None and self._pending.request_id == request_id:
            self._pending.notes.setdefault(lane, []).append(note)

    def part_complete(self, request_id: int, lane: int, now: float) -> None:
        """Replace what was to sound with a lane's complete new rest of the bar, if it is in time."""
        pending = self._pending
        if pending is None or pending.request_id != request_id:
            return
        rest, notes = pending.rest, tuple(pending.notes.pop(lane, ()))
        position = self._time.timeline.start(rest.bar) + rest.from_beat
        if rest.bar != self._performance.bar or not self._playback.reaches(position, now):
            self._outbox.count("rewrites_late")
            return
        self._playback.rewrite(self._lanes[lane], rest.bar, rest.from_beat, notes, rest.tones)
        self._outbox.count("rewrites")

    def finished(self, request_id: int, now: float) -> None:
        """A rest is complete: its time is a measurement."""
        if self._pending is not None and self._pending.request_id == request_id:
            self._times.took(now - self._pending.sent_seconds, self._pending.whole_seconds)
            self._pending = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _watches(self) -> bool:
        return (
            self.is_on and self._performance.running and self._performance.bar >= 0 and self._decisions.kept_bar is None
        )

    def _begin(self, bar: int) -> None:
        """Begin to watch a new bar."""
        if self._pending is not None:  # it was given up; it would have taken at least as long
            self._times.took(
                self._time.to_seconds(self._time.timeline.start(bar)) - self._pending.sent_seconds,
                self._pending.whole_seconds,
            )
        if bar != self._bar + 1:
            self._stops.clear()
        elif bar > 0:
            timeline = self._time.timeline
            line, end = timeline.start(bar - 1), timeline.start(bar)
            self._stops.bar_over(line, end, self._spans(bar - 1, end))
        self._bar, self._pending = bar, None
        self._tried.clear()
        self._next_check_beats = self._time.timeline.start(bar) + AFTER_BEAT

    def _spans(self, bar: int, position: float) -> list[Span]:
        """Where the player's notes of a bar begin and end, up to a position."""
        line = self._time.timeline.start(bar)
        return [
            (line + note.onset_ticks / RESOLUTION, line + (note.onset_ticks + note.duration_ticks) / RESOLUTION)
            for note in self._form.players_notes(bar, position)
        ]

    def _stop(self, now: float) -> bool:
        """Let the parts stop where the player has stopped dead. Returns whether they did, in this bar."""
        bar, position = self._bar, self._time.position(now)
        if bar == self._stopped_bar:
            return True
        line = self._time.timeline.start(bar)
        if self._extensions.rests_are_meant() or self._rest_is_expected(bar, position - line):
            return False
        if not self._stops.stopped(position, line, self._spans(bar, position)):
            return False
        meter = self._time.timeline.meter(bar)
        beats = (place for place in places(meter, "beat") if self._playback.reaches(line + place, now))
        place = next(beats, None)
        lanes = [lane for lane in self._lanes.of("companion") if self._may_change(lane, bar)]
        if place is None or not lanes:
            return False
        self._stopped_bar = bar
        self._side.forget_rest()
        self._pending = None
        for lane in lanes:
            self._playback.rewrite(lane, bar, place, (), frozenset())
        self._outbox.count("stops_followed")
        return True

    def _rest_is_expected(self, bar: int, beat: float) -> bool:
        """Whether the player rested at this place of the form before, too."""
        place = self._form.place(bar)
        if place is None:
            return False
        line = self._time.timeline.start(place.bar)
        return not any(
            begin < line + beat and end > line + beat - SHORTEST_BEATS
            for begin, end in self._spans(place.bar, self._time.timeline.end(place.bar))
        )

    def _consider(self, now: float) -> None:
        if self._side.is_busy:
            return
        timeline, bar = self._time.timeline, self._bar
        meter, line = timeline.meter(bar), timeline.start(bar)
        candidates = [lane for lane in self._lanes.of("companion") if self._may_change(lane, bar)]
        if not candidates:
            return
        from_beat = self._reachable(len(candidates), now)
        if from_beat is None:
            return
        beat = self._time.position(now) - line
        notes = self._form.players_notes(bar, self._time.position(now))
        played = lasting(notes, beat * RESOLUTION, from_beat * RESOLUTION)
        # The second half of a bar is judged alone, because an earlier chord may have sounded before it.
        half = next((start for start in places(meter, "half bar") if start <= beat), 0.0)
        later = [note for note in played if note.onset_ticks >= (half - EARLY_BEATS) * RESOLUTION]
        recogniser = self._chords.heard.recogniser
        agreed = chord_at(self._chords.known_spans(bar) or (), beat)
        if is_line(notes):
            self._consider_line(candidates, notes, agreed, beat, from_beat, now)
            return
        heard = sure_chord(recogniser.peek(later, meter, from_beat), beat)
        if heard is None or heard.chord is None:
            return
        if (
            agreed is not None
            and contradiction(later, agreed.chord, max(half, agreed.beat), from_beat, recogniser.keys) < CONTRADICTS
        ):
            return
        end = meter.bar_ticks(RESOLUTION)
        tones = heard.chord.pitch_classes
        clashing = [
            lane
            for lane in candidates
            if clashes(self._plan.notes(lane.index, bar), heard, agreed, from_beat * RESOLUTION, end)
        ]
        whole = ChordSpan(0.0, float(meter.beats), heard.chord, "heard", heard.confidence)
        self._ask(clashing, Rest(bar, (), from_beat, {}, whole, tones), now)

    def _consider_line(
        self,
        candidates: Sequence[Lane],
        notes: Sequence[Note],
        agreed: ChordSpan | None,
        beat: float,
        from_beat: float,
        now: float,
    ) -> None:
        """A single line may say that the agreed chord is wrong, although it does not say which one is right."""
        if agreed is None or agreed.chord is None:
            return
        bar, until = self._bar, beat * RESOLUTION
        line = [note for note in notes if note.onset_ticks >= (agreed.beat - EARLY_BEATS) * RESOLUTION]
        if not contradicts(line, agreed.chord, self._chords.key, until):
            return
        outside_chord = outside(line, agreed.chord)
        tones, end = bearable(outside_chord), self._time.timeline.meter(bar).bar_ticks(RESOLUTION)
        clashing = [
            lane
            for lane in candidates
            if share_outside(self._plan.notes(lane.index, bar), tones, from_beat * RESOLUTION, end) >= CLASHES_WITH_LINE
        ]
        expected = pitch_class_beats(lasting(line, until, from_beat * RESOLUTION), RESOLUTION)
        self._ask(clashing, Rest(bar, (), from_beat, {}, None, tones, expected), now)

    def _ask(self, lanes: Sequence[Lane], rest: Rest, now: float) -> None:
        """Have the rest of the bar written for these lanes, once for each chord."""
        chord = frozenset[int]() if rest.chord is None or rest.chord.chord is None else rest.chord.chord.pitch_classes
        asked = tuple(lane.index for lane in lanes if (lane.index, chord) not in self._tried)
        whole_seconds = self._side.seconds_for(len(asked))
        if not asked or whole_seconds is None:
            return
        self._tried.update((lane, chord) for lane in asked)
        before = rest.from_beat * RESOLUTION
        stands = {
            lane: tuple(note for note in self._plan.notes(lane, rest.bar) if note.onset_ticks < before)
            for lane in asked
        }
        rest = replace(rest, lanes=asked, stands=stands)
        request_id = self._side.ask_rest(rest, now)
        self._pending = None if request_id is None else _Pending(request_id, rest, now, whole_seconds)

    def _may_change(self, lane: Lane, bar: int) -> bool:
        cell = self._plan.get(lane.index, bar)
        if (
            lane.is_drum
            or cell is None
            or cell.chosen is None
            or cell.locked
            or not self._decisions.plays_in(lane, bar)
        ):
            return False
        return cell.origin in MADE_BY_US and cell.chosen.complete

    def _reachable(self, lanes: int, now: float) -> float | None:
        """Return the first place of the dial that an answer can reach, if it would not delay the next bar's request."""
        whole = self._side.seconds_for(lanes)
        seconds = None if whole is None else self._times.expected(whole)
        if seconds is None or now + seconds > self._requests.due_seconds():
            self._say_if_slow(seconds)
            return None
        meter, line = self._time.timeline.meter(self._bar), self._time.timeline.start(self._bar)
        for place in places(meter, self.dial):
            if self._playback.reaches(line + place, now + seconds):
                return place
        self._say_if_slow(seconds)
        return None

    def _say_if_slow(self, seconds: float | None) -> None:
        """Say once that a rewrite requested on the first beat would come too late even for the last place of a bar."""
        last = max(places(self._time.timeline.meter(self._bar), self.dial), default=0.0)
        if seconds is None or self._said_slow or not last:
            return
        beat_seconds = 60 / self._time.clock.bpm
        if seconds > (last - AFTER_BEAT) * beat_seconds:
            self._said_slow = True
            self._outbox.notice("bars are not rewritten while they sound: this machine is too slow for it", "info")
