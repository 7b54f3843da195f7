"""Builds the engine's jobs: a bar, and everything that is known around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from companion.charts.comping import COMPING_NAME
from companion.music import Note, TimeSignature
from companion.music.units import bpm_to_tempo
from companion.session.api.effects import Job
from companion.session.api.events import CheckpointInfo
from companion.session.chords.chords import Chords
from companion.session.extensions import Extensions
from companion.session.input.capture import Capture
from companion.session.input.heard_form import HeardForm
from companion.session.lanes import Lane, Lanes
from companion.session.output.fallback import request_seed
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.requests.window import Ask, BarShelf, build_window, fits_model, fitting_dims, job_of
from companion.session.spare_time import SpareTime
from companion.session.timing.musical_time import MusicalTime

CROWDED_BARS = (48, 16, 4)  # shown notes per bar, if even the smallest window is too large for the model


class JobMaker:
    """Lays out windows and numbers requests. seed: of the session; every request's own seed follows from it."""

    def __init__(
        self,
        engine: Engine,
        performance: Performance,
        time: MusicalTime,
        lanes: Lanes,
        plan: Plan,
        capture: Capture,
        form: HeardForm,
        chords: Chords,
        extensions: Extensions,
        spare: SpareTime,
        outbox: Outbox,
        seed: int,
        may_rewrite: Callable[[], bool],
    ) -> None:
        """may_rewrite: whether a bar may be rewritten while it sounds."""
        self._engine, self._performance, self._time, self._lanes = engine, performance, time, lanes
        self._plan, self._capture, self._form = plan, capture, form
        self._chords, self._extensions, self._spare, self._outbox = chords, extensions, spare, outbox
        self._seed, self._may_rewrite = seed, may_rewrite
        self._shelf = BarShelf()
        self._next_request_id = 1
        self._unreadable_meter: TimeSignature | None = None  # the last one for which there was a notice

    def checkpoint_changed(self) -> None:
        """Forget what the previous checkpoint could not read."""
        self._unreadable_meter = None

    def job(self, bar: int, lanes: tuple[int, ...], now: float, model_dim: int, takes: int = 1) -> Job | None:
        """The request for a bar with everything known now; None if there is nothing to ask or nothing that can be asked.

        takes: candidates for each part, which come back with the best first.
        """
        checkpoint = self._engine.checkpoint
        if checkpoint is None or not lanes or self._meter_unreadable(bar, checkpoint):
            return None
        self._spare.finish()  # what the last bar says about this one
        position = self._time.position(now)
        self._form.listen(now)
        history = self.history(bar, checkpoint)
        dims = fitting_dims(checkpoint, model_dim, history)
        known = [lane for lane in self._lanes if not lane.removed and not (lane.muted and lane.role == "companion")]
        tempo = bpm_to_tempo(self._time.clock.bpm)
        windows = (
            build_window(
                ask,
                known,
                lambda lane, at: self._read_cell(lane, at, position),
                self._context_meter,
                tempo,
                self._shelf,
            )
            for ask in self._asks(bar, lanes, dims, bar - history)
        )
        window = next((window for window in windows if fits_model(window, checkpoint)), None)
        if window is None:
            return None
        request_id = self._next_request_id
        self._next_request_id += 1
        model, asked = self._engine.model, [self._lanes[lane] for lane in lanes]
        request = {
            "request_id": request_id,
            "mask_mode": model.mask_mode if model.mask_mode in checkpoint.mask_modes else "auto",
            "sampling": model.sampling,
            "seed": request_seed(self._seed, request_id),
            "takes": takes,
            "ranked": takes > 1,
            "expected": self._form.expected_beats(bar),
            "chords": self._chords.known_spans(bar),
            "guide": self._chords.guide(bar),
            "chord_tracks": tuple(at for at, lane in enumerate(window.tracks) if self._only_shows_chords(lane)),
            "size": checkpoint.name,
            "paces": self._extensions.paces(asked, bar),
            "avoided": self._extensions.avoided(asked, bar),
            "cache_set": bar % 2 if self._may_rewrite() else 0,
        }
        called = {lane: self._extensions.attributes(self._lanes[lane], bar) for lane in lanes}
        return job_of(window, self._lanes, checkpoint, called, request)

    def _asks(self, bar: int, lanes: tuple[int, ...], dims: list[int], first_known: int) -> Iterator[Ask]:
        """What may be asked, best first: large windows, then smaller ones, then the smallest with fewer notes."""
        for dim in dims:
            yield Ask(bar, lanes, dim, first_known, self._known_ahead(bar, dim))
        smallest = Ask(bar, lanes, dims[-1], first_known, self._known_ahead(bar, dims[-1]))
        yield from (replace(smallest, notes_a_bar=limit) for limit in CROWDED_BARS)

    def history(self, bar: int, checkpoint: CheckpointInfo) -> int:
        """How many bars before this one can be shown: heard bars, and before them a song's written ones, in meters that the model reads."""
        first = self._performance.context_bar
        written_before = max(0, self._time.timeline.song_bar(first)) if self._time.songbook.song else 0
        possible = min(bar - first + written_before, max(checkpoint.num_bars_map))
        readable: TimeSignature | None = None  # a meter that the model reads: most bars have that of the bar before
        for count in range(possible):
            meter = self._context_meter(bar - 1 - count)
            if meter != readable and meter not in checkpoint.time_signatures:
                return count
            readable = meter
        return max(possible, 0)

    def _context_meter(self, bar: int) -> TimeSignature:
        return self._time.meter_of(self._performance.song_bar_of(bar))

    def _known_ahead(self, bar: int, dim: int) -> int:
        """Bars behind the target to show: a quarter of the window, where a song is written on.

        A chart that is shown by a guide keeps them too, though they are empty: with them the bass has the root on 90 % of a chart's
        changes, without them on 68 % (two charts, one draw each, dials at their defaults).
        """
        songbook, timeline = self._time.songbook, self._time.timeline
        if songbook.song is None or dim < 4:
            return 0
        following = range(bar + 1, bar + 1 + dim // 4)
        written = [songbook.meter(timeline.song_bar(at)) == timeline.meter(bar) for at in following]
        return dim // 4 if all(written) else 0

    def _read_cell(self, lane: Lane, bar: int, position: float) -> tuple[Note, ...] | None:
        """The known notes of a lane's bar; None if nothing is known. See `window.CellReader`."""
        if (notes := self._extensions.known_notes(lane, bar)) is not None:
            return notes
        if lane.role in ("backing", "silent"):
            return self._time.songbook.notes(lane.song_track, self._performance.song_bar_of(bar)) or ()
        if bar < self._performance.context_bar:
            return ()
        if lane.role == "human":
            return self._capture.notes(lane.index, bar, position) if bar <= self._performance.bar else None
        cell = self._plan.get(lane.index, bar)
        if bar <= self._performance.committed_bar:
            return cell.repeated() if cell else ()
        return cell.notes() if cell and cell.best() else None

    def _only_shows_chords(self, number: int) -> bool:
        """Whether a lane is the comping of a chart that nobody hears."""
        lane, song = self._lanes[number], self._time.songbook.song
        written = song is not None and lane.song_track is not None and song.score.tracks[lane.song_track].name
        return lane.role == "silent" and written == COMPING_NAME

    def _meter_unreadable(self, bar: int, checkpoint: CheckpointInfo) -> bool:
        meter = self._time.timeline.meter(bar)
        if meter in checkpoint.time_signatures:
            return False
        if meter != self._unreadable_meter:
            self._unreadable_meter = meter
            text = f"checkpoint {checkpoint.name} does not know {meter}: repeating instead of generating"
            self._outbox.notice(text, "warning")
        return True
