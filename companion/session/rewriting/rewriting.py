"""Rewrites the rest of the sounding bar when the player contradicts it.

On every beat the player's chord is recognised from what has sounded so far. If it is not the expected chord and a part clashes with
it, the part's bar is requested once more. The new notes begin at the next place of the dial that the answer can reach. The notes
already played stand, the chord guide has the new chord, and the prompt has the player's notes up to now. If the answer is complete in
time, it replaces the rest of the bar. The next bar's request always goes first. Locked, kept and written bars, drums, and everything
in written music are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.harmony.fit import CONTRADICTS, contradiction
from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.api.settings import RewriteDial
from companion.session.chords.chords import Chords
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
from companion.session.rewriting.clash import chord_at, clashes, lasting, sure_chord
from companion.session.rewriting.places import beat_length, places
from companion.session.timing.musical_time import MusicalTime

AFTER_BEAT = 1 / 8  # the player's notes on the beat are in
EARLY_BEATS = 1 / 8  # a chord may be struck this long before the half bar to which it belongs
MADE_BY_US = ("fresh", "older", "variation")  # origins of bars that may be rewritten


@dataclass(slots=True, eq=False)
class _Pending:
    """The rest of a bar that is being written. notes: by lane, as they arrive."""

    request_id: int
    rest: Rest
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
        outbox: Outbox,
    ) -> None:
        self._performance, self._time, self._lanes = performance, time, lanes
        self._form, self._chords, self._plan = form, chords, plan
        self._decisions, self._playback, self._outbox = decisions, playback, outbox
        self._requests, self._side = requests, side
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
        tones = rest.chord.chord.pitch_classes if rest.chord.chord else frozenset()
        self._playback.rewrite(self._lanes[lane], rest.bar, rest.from_beat, notes, tones)
        self._outbox.count("rewrites")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _watches(self) -> bool:
        return (
            self.dial != "never"
            and self._time.songbook.song is None
            and self._performance.running
            and self._performance.bar >= 0
            and self._decisions.kept_bar is None
        )

    def _begin(self, bar: int) -> None:
        """Begin to watch a new bar."""
        self._bar, self._pending = bar, None
        self._tried.clear()
        self._next_check_beats = self._time.timeline.start(bar) + AFTER_BEAT

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
        played = [note for note in played if note.onset_ticks >= (half - EARLY_BEATS) * RESOLUTION]
        recogniser = self._chords.heard.recogniser
        heard = sure_chord(recogniser.peek(played, meter, from_beat), beat)
        if heard is None or heard.chord is None:
            return
        agreed = chord_at(self._chords.known_spans(bar) or (), beat)
        if (
            agreed is not None
            and contradiction(played, agreed.chord, max(half, agreed.beat), from_beat, recogniser.keys) < CONTRADICTS
        ):
            return
        end = meter.bar_ticks(RESOLUTION)
        lanes = tuple(
            lane.index
            for lane in candidates
            if (lane.index, heard.chord.pitch_classes) not in self._tried
            and clashes(self._plan.notes(lane.index, bar), heard, agreed, from_beat * RESOLUTION, end)
        )
        if lanes:
            self._tried.update((lane, heard.chord.pitch_classes) for lane in lanes)
            whole = ChordSpan(0.0, float(meter.beats), heard.chord, "heard", heard.confidence)
            self._ask(bar, lanes, from_beat, whole, now)

    def _ask(self, bar: int, lanes: tuple[int, ...], from_beat: float, chord: ChordSpan, now: float) -> None:
        stands = {
            lane: tuple(note for note in self._plan.notes(lane, bar) if note.onset_ticks < from_beat * RESOLUTION)
            for lane in lanes
        }
        rest = Rest(bar, lanes, from_beat, stands, chord)
        request_id = self._side.ask_rest(rest, now)
        self._pending = None if request_id is None else _Pending(request_id, rest)

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
        seconds = self._side.seconds_for(lanes)
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
