"""Practising with a song: loops and passes, tempo and key from pass to pass, fills kept, and listening to the player's own part.

An extension of the session (see `extension`). It decides which bar follows, the key of written bars, and how much of the
player's part the model sees. Time, notes and requests remain with the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from companion.errors import UsageError
from companion.harmony.spelling import transpose_symbols
from companion.music import Note
from companion.session.api.bar_commands import Keep
from companion.session.api.commands import Command
from companion.session.api.lane_commands import SetRole
from companion.session.api.limits import TEMPO_FACTOR
from companion.session.api.settings import PracticeSettings, Song
from companion.session.api.snapshot import Ladder, PracticeView
from companion.session.api.song_commands import LoopHere, NextSection, SetLoop, Transpose
from companion.session.api.transport_commands import SetTempoFactor
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Context, Extension, Handler
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.practice.judging import Judge
from companion.session.practice.loop import Loop, Passes, bar_after, check_loop, loop_words
from companion.session.practice.roles import Roles
from companion.session.practice.sections import last_bar_of_section, section_around
from companion.session.practice.shown_parts import parts_to_show
from companion.session.practice.trainer import check_transposition, first_pass

KEPT_AHEAD_BARS = 2  # kept fills are put in place this far ahead, so that these bars are not requested


def check_practice(song: Song, practice: PracticeSettings) -> None:
    """Raises UsageError for an impossible song or practice: no bars, a loop outside the song, an impossible tempo or key."""
    if not song.score.bar_count:
        raise UsageError(f"{song.title or 'the song'} has no bars")
    check_loop(practice.loop, song.score.bar_count)
    check_transposition(song.score, practice.transpose)
    first_pass(practice)


class Practising(Extension):
    """For sessions with a song. Raises UsageError at once for what `check_practice` refuses."""

    def __init__(self, song: Song, practice: PracticeSettings) -> None:
        check_practice(song, practice)
        self.song = song
        self.practice = practice
        self.loop: Loop | None = practice.loop
        self.keep_fills = practice.keep_fills
        self._shown: frozenset[int] | None = None
        self._chords: dict[int, tuple[tuple[int, float, str], ...]] = {}
        self._jump_to: int | None = None  # the song bar that follows next, whatever the loop says
        self._last_heard: dict[int, int] = {}  # song bar → the session bar in which it sounded last

    # -- the session's course -----------------------------------------------------------------------------------------

    def attached(self, context: Context, now: float) -> None:
        """Set tempo and key of the first pass."""
        self._context, self._performance, self._time = context, context.performance, context.time
        self._passes = Passes(self.practice, context.time.timeline)
        self._judge = Judge(context, self._passes)
        self._roles = Roles(context, self._parts_changed)
        self._apply(0, now, follows=not self._performance.running)

    def first_song_bar(self, song_bar: int) -> int | None:
        """With a loop, music that would begin outside the loop begins at its start."""
        if self.loop and not self.loop[0] <= song_bar < self.loop[1]:
            return self.loop[0]
        return None

    def next_song_bar(self, song_bar: int) -> int | None:
        """The next bar of the loop, or the bar that the player has chosen."""
        wanted, self._jump_to = self._jump_to, None
        return bar_after(song_bar, self.loop) if wanted is None else wanted

    def bar_started(self, bar: int, now: float) -> None:
        """A new pass, if one begins here; what is written in the next bars."""
        passes = self._passes
        self._judge.advance(self._time.position(now))
        if passes.begins_at(bar):
            finished = passes.number(bar - 1) if bar > 0 else 0
            self._note_tempo(bar)
            self._judge.pass_ended(finished, bar)
            passes.begin(bar, self._judge.accuracy(finished))
            self._apply(bar, now)
        song_bar = self._time.timeline.song_bar(bar)
        self._last_heard[song_bar] = bar
        self._judge.bar_started(bar)
        if self.keep_fills:
            self._put_kept_fills(bar)

    def stopped(self, now: float) -> None:
        """Count what was played so far."""
        self._judge.stopped(self._time.position(now))

    def note_played(self, note: CapturedNote, now: float) -> None:
        """Judge it."""
        self._judge.note_played(note)

    # -- what is written ----------------------------------------------------------------------------------------------

    def known_notes(self, lane: Lane, bar: int) -> tuple[Note, ...] | None:
        """Written parts in the key of their pass. The player's part: what was played, and what is written where nothing was.

        The written part behind the player's lane is left out, so that the model does not see it twice; of a song with many
        parts only some are shown.
        """
        if lane.role == "human" and lane.song_track is not None:
            heard = self._performance.context_bar <= bar <= self._performance.bar and self._context.capture.any_played(
                bar
            )
            return None if heard else self._written(lane, bar)
        if lane.role not in ("backing", "silent"):
            return None
        return self._written(lane, bar) if lane.song_track in self._shown_parts() else ()

    def _shown_parts(self) -> frozenset[int]:
        """The written parts that the model sees, besides the player's own, which its lane shows. All of them if they fit."""
        if self._shown is None:
            mine = {lane.song_track for lane in self._context.lanes.of("human") if lane.song_track is not None}
            written = {
                lane.song_track for lane in self._context.lanes.of("backing", "silent") if lane.song_track is not None
            }
            self._shown = parts_to_show(self.song.score, written | mine, mine) - mine
            if len(self._shown) < len(written - mine):
                self._context.notice(
                    f"the model sees {len(self._shown)} of {len(written - mine)} written parts: no more fit"
                )
        return self._shown

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """Backing in the key of its pass; where the song is entered or a loop closes, with what sounds on from before."""
        if lane.role != "backing":
            return None
        notes = self._written(lane, bar)
        if not lane.is_drum and self._passes.begins_at(bar):
            key = self._passes.settings(bar).transpose
            notes = (*self._time.songbook.held_into(lane.song_track, self._performance.song_bar_of(bar), key), *notes)
        return notes, "written"

    def _written(self, lane: Lane, bar: int) -> tuple[Note, ...]:
        key = self._passes.settings(bar).transpose
        return self._time.songbook.notes(lane.song_track, self._performance.song_bar_of(bar), key) or ()

    def settings(self) -> Mapping[str, Any]:
        """How the song is practised now."""
        now = self._passes.settings(self._bar())
        return {
            "practice": replace(
                self.practice,
                tempo_factor=now.tempo_factor,
                transpose=now.transpose,
                loop=self.loop,
                keep_fills=self.keep_fills,
            )
        }

    # -- passes -------------------------------------------------------------------------------------------------------

    def _note_tempo(self, bar: int) -> None:
        """A tempo set or tapped by hand holds for the coming passes."""
        factor = TEMPO_FACTOR.clamp(self._time.tempo_factor)
        if bar > 0 and abs(factor - self._passes.settings(bar - 1).tempo_factor) > 1e-9:
            self._passes.change(bar - 1, tempo_factor=factor)

    def _apply(self, bar: int, now: float, follows: bool = True) -> None:
        """Give the session the tempo and key of this bar's pass. follows: at once; a song that begins on the next line waits for it."""
        settings = self._passes.settings(bar)
        self._time.songbook.transpose_to(settings.transpose)
        self._time.set_tempo_factor(settings.tempo_factor)
        if follows:
            self._context.course.follow_tempo(now)

    def _put_kept_fills(self, bar: int) -> None:
        """Repeat in the coming bars what our lanes played there last time, in the current key."""
        for ahead in range(bar + 1, bar + 1 + KEPT_AHEAD_BARS):
            last = self._last_heard.get(self._time.timeline.song_bar(ahead))
            if last is None:
                continue
            shift = self._passes.settings(ahead).transpose - self._passes.settings(last).transpose
            for lane in self._context.lanes.of("companion"):
                cell, heard = self._context.plan.at(lane.index, ahead), self._context.plan.get(lane.index, last)
                if heard and heard.committed and heard.origin != "rest" and not cell.committed and not cell.locked:
                    notes = _shifted(self._context.plan.notes(lane.index, last), 0 if lane.is_drum else shift)
                    self._context.plan.put(lane.index, ahead, notes, "kept", locked=True)

    # -- wishes -------------------------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[type[Command], Handler]:
        """The commands for loops, sections, tempo, key and roles of the song, and for keeping fills from pass to pass."""
        return {
            SetLoop: self._set_loop,
            LoopHere: self._loop_here,
            NextSection: self._next_section,
            SetTempoFactor: self._set_tempo_factor,
            Transpose: self._transpose,
            SetRole: lambda wish, now: self._roles.set_role(wish, now),
            Keep: self._keep,
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What each command changes, except for going to another section."""
        loop = dial("loop", lambda: self.loop, self._write_loop, loop_words)
        tempo = dial(
            "tempo",
            lambda: self._time.tempo_factor,
            lambda factor, now: self._set_tempo_factor(SetTempoFactor(factor), now),
            lambda factor: f"tempo is {factor:.0%} of the written one",
        )
        key = dial(
            "key",
            lambda: self._passes.settings(self._bar()).transpose,
            lambda semitones, now: self._transpose(Transpose(semitones), now),
            lambda semitones: f"transposed by {semitones:+d}",
        )
        keep = dial(
            "keep fills",
            lambda: self.keep_fills,
            lambda on, now: self._keep(Keep(on), now),
            lambda on: f"fills are {'kept' if on else 'new'}",
        )
        return {
            SetLoop: lambda wish: loop,
            LoopHere: lambda wish: loop,
            SetTempoFactor: lambda wish: tempo,
            Transpose: lambda wish: key,
            Keep: lambda wish: keep,
            SetRole: lambda wish: self._roles.undoable(),
        }

    def _write_loop(self, loop: Loop | None, now: float) -> None:
        self.loop = check_loop(loop, self._time.songbook.bar_count)
        self._context.course.relay(now)

    def _set_loop(self, wish: SetLoop, now: float) -> None:
        wanted = None if wish.start is None or wish.end is None else (wish.start, wish.end)
        self._write_loop(wanted, now)
        self._context.notice(loop_words(self.loop))

    def _loop_here(self, wish: LoopHere, now: float) -> None:
        """Loop the section that sounds (the bar, without sections); again: no loop."""
        here = section_around(self.song, self._song_bar(now))
        self._set_loop(SetLoop() if self.loop == here else SetLoop(*here), now)

    def _next_section(self, wish: NextSection, now: float) -> None:
        starts = sorted(bar for bar, _ in self.song.sections)
        if not starts:
            raise UsageError("this song has no sections")
        wanted = next((bar for bar in starts if bar > self._song_bar(now)), starts[0])
        if self.loop and not self.loop[0] <= wanted < self.loop[1]:
            self.loop = None
        if self._performance.running:
            self._jump_to = wanted
            self._context.course.relay(now)
            self._time.timeline.ensure(max(self._performance.bar, self._performance.committed_bar) + 1)
        else:
            self._context.course.rewind(wanted)

    def _set_tempo_factor(self, wish: SetTempoFactor, now: float) -> None:
        self._passes.change(self._bar(), tempo_factor=float(wish.factor))
        self._apply(self._bar(), now)
        if self._time.master is None:
            self._context.notice("the tempo is the external clock's", "warning")

    def _transpose(self, wish: Transpose, now: float) -> None:
        check_transposition(self.song.score, wish.semitones)
        self._passes.change(self._bar(), transpose=wish.semitones)
        self._apply(self._bar(), now)

    def _keep(self, wish: Keep, now: float) -> None:
        self.keep_fills = switched(wish.on, self.keep_fills)
        self._context.notice("fills are kept from pass to pass" if self.keep_fills else "fills are new on every pass")
        if self.keep_fills and self._performance.bar >= 0:
            self._put_kept_fills(self._performance.bar)

    def _parts_changed(self) -> None:
        self._shown = None
        self._judge.part_changed()

    def _bar(self) -> int:
        return max(self._performance.bar, 0)

    # -- the view -----------------------------------------------------------------------------------------------------

    def view(self, now: float) -> PracticeView:
        """The position in the song and the state of practising."""
        bar = self._bar()
        settings = self._passes.settings(bar)
        number = self._passes.number(bar)
        self._judge.advance(self._time.position(now))
        live = self._judge.tally(number)
        return PracticeView(
            title=self.song.title,
            bar_count=self._time.songbook.bar_count,
            pass_number=number,
            tempo_factor=self._time.tempo_factor,
            loop=self.loop,
            sections=self.song.sections,
            chords=self._chords_in(settings.transpose),
            song_bar=self._song_bar(now),
            transpose=settings.transpose,
            accuracy=self._judge.accuracy(number - 1),
            live_accuracy=live.accuracy,
            right=live.right,
            wrong=live.wrong,
            missed=live.missed,
            extra=live.extra,
            mean_offset_ms=live.mean_offset_ms,
            judged_part=self._judge.part_name(),
        )

    def _chords_in(self, key: int) -> tuple[tuple[int, float, str], ...]:
        """The chords as they sound, spelled once for every key."""
        if key not in self._chords:
            symbols = transpose_symbols([symbol for _, _, symbol in self.song.chords], key)
            marks = zip(self.song.chords, symbols, strict=True)
            self._chords[key] = tuple((bar, beat, symbol) for (bar, beat, _), symbol in marks)
        return self._chords[key]

    def _song_bar(self, now: float) -> int:
        resume = self._context.course.resume_place(self._time.position(now))
        song_bar = resume[0] if resume else self._time.timeline.song_bar(self._bar())
        return max(0, min(song_bar, self._time.songbook.bar_count - 1))

    def section_end(self, bar: int) -> int | None:
        """Where the section of a bar ends."""
        return last_bar_of_section(self.song, self._time.timeline, bar)


def _shifted(notes: tuple[Note, ...], semitones: int) -> tuple[Note, ...]:
    if not semitones:
        return notes
    return tuple(replace(note, pitch=note.pitch + semitones) for note in notes if 0 <= note.pitch + semitones <= 127)
