"""Leads the band within a session: calls, intensity, and loudness that follows the player.

This is an extension. It decides what lanes play in the bars that a call changes, and it handles the commands of `api/calls.py`.
Rules decide what a model cannot know: a break is silent, and an ending's last bar is a held chord. Other calls change the model's
own bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from companion.errors import UsageError
from companion.harmony.key import Key
from companion.harmony.recognition import Recogniser
from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.api import calls as api
from companion.session.api.command_base import Command
from companion.session.api.settings import LeadingSettings
from companion.session.api.snapshot import CallView, Ladder
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Context, Extension, Handler
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.leading import dynamics, endings, fills
from companion.session.leading.calling import Calling, drummers
from companion.session.leading.calls import FOR_EVER, Call, CallLedger
from companion.session.leading.listening import Listening

LOW_INTENSITY, FULL_INTENSITY = 20, 100
THIN_LEVEL = 1  # note density and voices while the player has a solo
NEUTRAL = LeadingSettings()
Given = tuple[tuple[Note, ...], Ladder]


class Leader(Extension):
    """See the module. leading: the dials at first. calls: a ledger that others may also use."""

    def __init__(self, leading: LeadingSettings = NEUTRAL, calls: CallLedger | None = None) -> None:
        self._calls = CallLedger() if calls is None else calls
        self._calling = Calling(self._calls)
        self._player = dynamics.PlayerLoudness()
        self._recogniser = Recogniser()
        self._listening = Listening(leading)
        self.intensity = leading.intensity
        self.depth = leading.follow_dynamics
        self._after_ending = False
        self._arrival_bar: int | None = None  # the bar after a fill

    def attached(self, context: Context, now: float) -> None:
        """Keep the parts of the session that are needed."""
        self._context = context
        self._calling.attached(context)

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map all calls and dials to their methods."""
        return {
            **self._calling.handlers(),
            **self._listening.handlers(),
            api.Drop: self._drop,
            api.SetIntensity: self._set_intensity,
            api.FollowDynamics: self._follow,
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What calls and dials change."""
        intensity = dial(
            "intensity", lambda: self.intensity, self._write_intensity, lambda value: f"intensity is {value}"
        )
        depth = dial(
            "follow dynamics", lambda: self.depth, self._write_depth, lambda depth: f"follow dynamics is {depth:g}"
        )
        drop = dial("drop", self._read_drop, self._write_drop, lambda before: f"intensity is {before[0]}")
        return {
            **self._calling.undoables(),
            **self._listening.undoables(),
            api.Drop: lambda wish: drop,
            api.SetIntensity: lambda wish: intensity,
            api.FollowDynamics: lambda wish: depth,
        }

    # -- what lanes play ----------------------------------------------------------------------------------------------

    def plays(self, lane: Lane, bar: int) -> bool | None:
        """Whether a lane plays in a bar, given the calls and the intensity."""
        if self._silent(bar):
            return False
        if not lane.is_drum and any(self._calls.in_bar(bar, "drums only")):
            return False
        spare = not lane.is_drum and lane.program not in endings.BASS_PROGRAMS
        if spare and self.intensity < dynamics.SPARE_PARTS_BELOW and self._band_has_others(lane):
            return False
        return None

    def lane_notes(self, lane: Lane, bar: int) -> Given | None:
        """Return a lane's bar as the calls change it, just before it begins."""
        if self._silent(bar):
            return (), "call"
        meter = self._context.time.timeline.meter(bar)
        if (ending := next(self._calls.in_bar(bar, "ending"), None)) is not None:
            if bar == ending.last_bar:
                return endings.last_bar(lane, meter, self._key()), "call"
            return endings.cadence_bar(lane, meter, self._key(), self._planned(lane, bar)), "call"
        if not lane.is_drum or lane.role != "companion":
            return None
        notes = self._planned(lane, bar)
        changed = notes
        if any(self._calls.in_bar(bar, "half time")):
            changed = fills.half_time(changed, meter)
        if any(self._calls.in_bar(bar, "double time")):
            changed = fills.double_time(changed, meter)
        if any(self._calls.in_bar(bar, "fill")):
            changed = fills.filled_bar(changed, meter, fills.fill_start_ticks(meter))
        return (changed, "call") if changed is not notes else None

    def attributes(self, lane: Lane, bar: int) -> Mapping[str, int]:
        """Return the levels that the model is asked for in a bar, in addition to the lane's own dials."""
        if any(self._calls.in_bar(bar, "solo for me")):
            return {"note_density": THIN_LEVEL, "max_polyphony": THIN_LEVEL}
        if any(self._calls.in_bar(bar, "fill")):
            return {"note_density": 9}
        follows = round(self._listening.density_shift(bar, self._bar_beats(bar)))
        shift = dynamics.density_shift(self.intensity) + follows
        if shift and (own := lane.attributes.get("note_density")) is not None:
            return {"note_density": min(9, max(0, own + shift))}
        usual = self._listening.usual_level(lane) if follows else 4
        return {"note_density": min(9, max(0, usual + shift))} if shift else {}

    def pace(self, lane: Lane, bar: int) -> int | None:
        """Return the level of note density of a melodic lane that follows the player."""
        return self._listening.pace(lane, bar, self._bar_beats(bar))

    def avoided(self, lane: Lane, bar: int) -> tuple[int, int, float] | None:
        """Return the player's register, which the lane leaves free."""
        return self._listening.avoided(lane)

    def loudness(self, lane: Lane) -> float:
        """Return the factor for our velocities."""
        bar = self._context.performance.bar
        return dynamics.loudness(self.intensity, self.depth, self._player, any(self._calls.in_bar(bar, "solo for me")))

    def dials(self) -> Mapping[str, float]:
        """Return the dials of the whole band."""
        return {"intensity": self.intensity, "follow_dynamics": self.depth, **self._listening.dials()}

    # -- time ---------------------------------------------------------------------------------------------------------

    def due_position(self) -> float | None:
        """Return the next place within a bar where a call begins."""
        due = [call.start_beats for call in self._due_within_bar()]
        if (beat := self._listening.due_position()) is not None:
            due.append(beat)
        return min(due, default=None)

    def reached(self, position: float, now: float) -> None:
        """Begin the calls that are due within a bar."""
        self._listening.reached(position, self._bar_beats(self._context.performance.bar))
        for call in list(self._due_within_bar()):
            if call.start_beats > position + 1e-6:
                continue
            self._calls.begin(call)
            if call.kind == "break":
                for lane in self._context.lanes.of("companion", "backing"):
                    self._context.voices.fall_silent(lane, call.start_beats, now)
            else:
                self._fill_from(call, now)

    def bar_started(self, bar: int, now: float) -> None:
        """Forget calls that are over, play the arrival after a fill, and end the music after an ending."""
        self._context.spare.add(self._hear(bar - 1))
        self._player.bar_passed()
        for lane in self._context.lanes.of("companion"):
            self._listening.played(lane, bar - 1, self._context.plan.notes(lane.index, bar - 1))
        self._listening.forget_before(bar)
        ended = [call for call in self._calls.of("ending") if call.last_bar < bar]
        for call in self._calls.of("build"):
            self._rise(call, bar)
        if self._arrival_bar == bar and not any(self._calls.in_bar(bar, "break", "ending")):
            for lane in drummers(self._context):
                self._context.voices.add_notes(lane, bar, fills.arrival())
        self._arrival_bar = bar + 1 if any(self._calls.in_bar(bar, "fill")) else None
        self._calls.forget_before(bar)
        if ended:
            self._after_ending = True
            self._context.course.finish(now)

    def stopped(self, now: float) -> None:
        """Forget all calls, because the music stopped."""
        self._calls.clear()
        self._listening.stopped()
        self._after_ending = False
        self._arrival_bar = None

    def note_played(self, note: CapturedNote, now: float) -> None:
        """Follow the player's loudness, density and register."""
        self._player.heard(note.velocity)
        is_drum = self._context.lanes[note.lane].is_drum
        self._listening.heard(note, is_drum, self._bar_beats(self._context.performance.bar))

    # -- the picture --------------------------------------------------------------------------------------------------

    def settings(self) -> Mapping[str, Any]:
        """The dials that lead the band."""
        return {"leading": LeadingSettings(self.intensity, self.depth, **self._listening.dials())}

    def picture(self, now: float) -> dict[str, Any]:
        """Return calls and dials for the screen."""
        shown = tuple(
            CallView(
                call.kind, call.first_bar, call.start_beats, None if call.last_bar == FOR_EVER else int(call.last_bar)
            )
            for call in self._calls
        )
        return {"calls": shown, **self.dials()}

    # -- commands -----------------------------------------------------------------------------------------------------

    def _drop(self, wish: api.Drop, now: float) -> None:
        if not self._context.performance.running:
            raise UsageError("nothing plays yet")
        for call in self._calls.of("build"):
            self._calls.remove(call)
        self.intensity = LOW_INTENSITY

    def _set_intensity(self, wish: api.SetIntensity, now: float) -> None:
        self.intensity = wish.value

    def _follow(self, wish: api.FollowDynamics, now: float) -> None:
        self.depth = wish.depth

    def _write_intensity(self, value: int, now: float) -> None:
        self.intensity = value

    def _write_depth(self, depth: float, now: float) -> None:
        self.depth = depth

    def _read_drop(self) -> tuple[int, tuple[Call, ...]]:
        return self.intensity, tuple(self._calls.of("build"))

    def _write_drop(self, before: tuple[int, tuple[Call, ...]], now: float) -> None:
        """The intensity as it was, and the builds that are not over yet."""
        self.intensity, builds = before
        present = tuple(self._calls.of("build"))
        for call in present:
            if call not in builds:
                self._calls.remove(call)
        for call in builds:
            if call not in present and call.last_bar >= self._context.performance.bar:
                self._calls.put_back(call)

    def _silent(self, bar: int) -> bool:
        """Whether the band rests in a bar, in a break or after the ending."""
        ended = self._after_ending or any(call.last_bar < bar for call in self._calls.of("ending"))
        return ended or any(self._calls.in_bar(bar, "break"))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _bar_beats(self, bar: int) -> float:
        return float(self._context.time.timeline.meter(max(bar, 0)).beats)

    def _due_within_bar(self) -> Iterator[Call]:
        """Return the calls that begin within a bar that was decided before they were made."""
        committed = self._context.performance.committed_bar
        timeline = self._context.time.timeline
        for call in self._calls.of("break", "fill"):
            if not self._calls.has_begun(call) and timeline.locate(call.start_beats + 1e-6).bar <= committed:
                within = call.start_beats > timeline.start(timeline.locate(call.start_beats + 1e-6).bar) + 1e-6
                if within or call.kind == "break":
                    yield call

    def _fill_from(self, call: Call, now: float) -> None:
        timeline = self._context.time.timeline
        ticks = round((call.start_beats - timeline.start(call.first_bar)) * RESOLUTION)
        run = fills.fill(timeline.meter(call.first_bar), ticks)
        for lane in drummers(self._context):
            self._context.voices.fall_silent(lane, call.start_beats, now)
            self._context.voices.add_notes(lane, call.first_bar, run)
        self._arrival_bar = call.first_bar + 1

    def _band_has_others(self, lane: Lane) -> bool:
        return any(other is not lane and not other.muted for other in self._context.lanes.of("companion"))

    def _planned(self, lane: Lane, bar: int) -> tuple[Note, ...]:
        """Return what the lane would play or, if nothing is planned, what it played last."""
        return self._context.plan.notes(lane.index, bar) or self._context.plan.notes(lane.index, bar - 1)

    def _hear(self, bar: int) -> Iterator[None]:
        """Update the key from everything that sounded in a bar, the player's notes and ours, in small steps."""
        context = self._context
        if bar < context.performance.context_bar:
            return
        position = context.time.timeline.end(bar)
        notes: list[Note] = []
        for lane in context.lanes:
            if lane.removed or lane.is_drum:
                continue
            if lane.role == "human":
                notes += context.capture.notes(lane.index, bar, position)
            else:
                notes += context.plan.notes(lane.index, bar)
        yield from self._recogniser.hear_slowly(notes, context.time.timeline.meter(bar))

    def _key(self) -> Key:
        return self._recogniser.key or Key(0)

    def _rise(self, call: Call, bar: int) -> None:
        """Play one bar of a build: raise the intensity by an equal step towards full."""
        if call.first_bar <= bar <= call.last_bar:
            left = int(call.last_bar) - bar + 1
            self.intensity += round((FULL_INTENSITY - self.intensity) / left)
