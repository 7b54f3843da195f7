"""Practising with a song: loops and passes, tempo and key from pass to pass, fills kept, and listening to the player's own part.

An extension of the session (see `extension`). It decides which bar follows, in which key written bars are, and what of the
player's part is known to the model; time, notes and requests stay the session's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from companion.errors import UsageError
from companion.harmony.spelling import transpose_symbols
from companion.music import Note
from companion.session.api.commands import Command, SetLoop, arguments_of
from companion.session.api.limits import TEMPO_FACTOR
from companion.session.api.settings import PracticeSettings, Song
from companion.session.api.snapshot import Ladder, PracticeView
from companion.session.extension import Extension
from companion.session.input.capture import PlayedNote as CapturedNote
from companion.session.lanes import Lane
from companion.session.practice.judging import Judge
from companion.session.practice.loop import Loop, Passes, bar_after, check_loop
from companion.session.practice.shown_parts import parts_to_show
from companion.session.practice.trainer import check_transposition, first_pass
from companion.session.state import SessionCore

if TYPE_CHECKING:
    from companion.session.session import Session

KEPT_AHEAD_BARS = 2  # kept fills are put in place this far ahead, so that nothing is asked for these bars


def check_practice(song: Song, practice: PracticeSettings) -> None:
    """UsageError, in one line, for a song or practice that cannot be: no bars, a loop outside it, an impossible tempo or key."""
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
        self._session: Session | None = None
        self._passes: Passes | None = None
        self._shown: frozenset[int] | None = None
        self._chords: dict[int, tuple[tuple[int, float, str], ...]] = {}
        self._jump_to: int | None = None  # the song bar that follows next, whatever the loop says
        self._judge = Judge()
        self._last_heard: dict[int, int] = {}  # song bar → the session bar in which it sounded last

    # -- the session's course -----------------------------------------------------------------------------------------

    def attached(self, session: SessionCore, now: float) -> None:
        """Set tempo and key of the first pass."""
        self._session = cast("Session", session)
        self._passes = Passes(self.practice, session.timeline)
        self._apply(0, now)

    def first_song_bar(self, session: SessionCore, song_bar: int) -> int | None:
        """With a loop, music that would begin outside it begins with it."""
        if self.loop and not self.loop[0] <= song_bar < self.loop[1]:
            return self.loop[0]
        return None

    def next_song_bar(self, session: SessionCore, song_bar: int) -> int | None:
        """Round the loop, or where the player wanted to go."""
        wanted, self._jump_to = self._jump_to, None
        return bar_after(song_bar, self.loop) if wanted is None else wanted

    def bar_started(self, session: SessionCore, bar: int, now: float) -> None:
        """A new pass, if one begins here; what is written in the next bars."""
        passes = self.passes
        self._judge.advance(session, session.position(now))
        if passes.begins_at(bar):
            finished = passes.number(bar - 1) if bar > 0 else 0
            self._note_tempo(session, bar)
            self._judge.pass_ended(session, passes, finished, bar)
            passes.begin(bar, self._judge.accuracy(finished))
            self._apply(bar, now)
        song_bar = session.timeline.song_bar(bar)
        self._last_heard[song_bar] = bar
        self._judge.bar_started(session, passes, bar)
        if self.keep_fills:
            self._put_kept_fills(session, bar)

    def stopped(self, session: SessionCore, now: float) -> None:
        """What was played so far counts."""
        self._judge.stopped(session, self.passes, session.position(now))

    def note_played(self, session: SessionCore, note: CapturedNote, now: float) -> None:
        """Judge it."""
        self._judge.note_played(session, self.passes, note)

    # -- what is written ----------------------------------------------------------------------------------------------

    def known_notes(self, session: SessionCore, lane: Lane, bar: int) -> tuple[Note, ...] | None:
        """Written parts in the key of their pass. The player's part: what was played, and what is written where nothing was.

        The written part behind the player's lane is left out, so that the model does not see it twice; of a song with many
        parts only some are shown.
        """
        if lane.role == "human" and lane.song_track is not None:
            heard = session.context_bar <= bar <= session.bar and session.capture.any_played(bar)
            return None if heard else self._written(session, lane, bar)
        if lane.role not in ("backing", "silent"):
            return None
        return self._written(session, lane, bar) if lane.song_track in self._shown_parts(session) else ()

    def _shown_parts(self, session: SessionCore) -> frozenset[int]:
        """Written parts that the model sees beside the player's own, which its lane shows; all, if they fit."""
        if self._shown is None:
            mine = {lane.song_track for lane in session.lanes_of("human") if lane.song_track is not None}
            written = {lane.song_track for lane in session.lanes_of("backing", "silent") if lane.song_track is not None}
            self._shown = parts_to_show(self.song.score, written | mine, mine) - mine
            if len(self._shown) < len(written - mine):
                session.notice(f"the model sees {len(self._shown)} of {len(written - mine)} written parts: no more fit")
        return self._shown

    def lane_notes(self, session: SessionCore, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """Backing in the key of its pass; where the song is entered or a loop closes, with what sounds on from before."""
        if lane.role != "backing":
            return None
        notes = self._written(session, lane, bar)
        if not lane.is_drum and self.passes.begins_at(bar):
            key = self.passes.settings(bar).transpose
            notes = (*session.songbook.held_into(lane.song_track, session.song_bar_of(bar), key), *notes)
        return notes, "written"

    def _written(self, session: SessionCore, lane: Lane, bar: int) -> tuple[Note, ...]:
        key = self.passes.settings(bar).transpose
        return session.songbook.notes(lane.song_track, session.song_bar_of(bar), key) or ()

    # -- passes -------------------------------------------------------------------------------------------------------

    @property
    def passes(self) -> Passes:
        """Since the session exists."""
        assert self._passes is not None
        return self._passes

    @property
    def session(self) -> Session:
        """Since the session exists."""
        assert self._session is not None
        return self._session

    def _note_tempo(self, session: SessionCore, bar: int) -> None:
        """A tempo set or tapped by hand holds for the passes to come."""
        factor = TEMPO_FACTOR.clamp(session.tempo_factor)
        if bar > 0 and abs(factor - self.passes.settings(bar - 1).tempo_factor) > 1e-9:
            self.passes.change(bar - 1, tempo_factor=factor)

    def _apply(self, bar: int, now: float) -> None:
        """Tempo and key of this bar's pass become the session's."""
        settings = self.passes.settings(bar)
        self.session.songbook.transpose = settings.transpose
        self.session.tempo_factor = settings.tempo_factor
        self.session.follow_song_tempo(now)

    def _put_kept_fills(self, session: SessionCore, bar: int) -> None:
        """What our lanes played last time in the bars to come, in the key of this time."""
        for ahead in range(bar + 1, bar + 1 + KEPT_AHEAD_BARS):
            last = self._last_heard.get(session.timeline.song_bar(ahead))
            if last is None:
                continue
            shift = self.passes.settings(ahead).transpose - self.passes.settings(last).transpose
            for lane in session.lanes_of("companion"):
                cell, heard = session.plan.at(lane.index, ahead), session.plan.get(lane.index, last)
                if heard and heard.committed and heard.origin != "rest" and not cell.committed and not cell.locked:
                    notes = _shifted(session.plan.notes(lane.index, last), 0 if lane.is_drum else shift)
                    session.plan.put(lane.index, ahead, notes, "kept").locked = True

    # -- wishes -------------------------------------------------------------------------------------------------------

    def command(self, session: SessionCore, command: Command, now: float) -> bool:
        """set_loop, loop_here, next_section, set_tempo_factor, transpose, set_role, and keep (of fills, pass after pass)."""
        handlers = {
            "set_loop": self._set_loop,
            "loop_here": self._loop_here,
            "next_section": self._next_section,
            "set_tempo_factor": self._set_tempo_factor,
            "transpose": self._transpose,
            "set_role": self._set_role,
            "keep": self._keep,
        }
        handler = handlers.get(command.command_name)
        if handler is None:
            return False
        try:
            handler(session, command, now)
        except (UsageError, ValueError, TypeError) as error:
            session.notice(f"{command.command_name}: {error}", "warning")
        return True

    def _set_loop(self, session: SessionCore, command: Command, now: float) -> None:
        given = arguments_of(command)
        start, end = given.get("start"), given.get("end")
        wanted = None if start is None or end is None else (int(start), int(end))
        self.loop = check_loop(wanted, session.songbook.bar_count)
        self.session.relay(now)
        session.notice(f"loop: bars {self.loop[0] + 1}-{self.loop[1]}" if self.loop else "no loop")

    def _loop_here(self, session: SessionCore, command: Command, now: float) -> None:
        """Loop the section that sounds (the bar, without sections); again: no loop."""
        here = self._section(self._song_bar(session, now), session.songbook.bar_count)
        loop = None if self.loop == here else here
        self._set_loop(session, SetLoop(*loop) if loop else SetLoop(), now)

    def _next_section(self, session: SessionCore, command: Command, now: float) -> None:
        starts = sorted(bar for bar, _ in self.song.sections)
        if not starts:
            raise UsageError("this song has no sections")
        wanted = next((bar for bar in starts if bar > self._song_bar(session, now)), starts[0])
        if self.loop and not self.loop[0] <= wanted < self.loop[1]:
            self.loop = None
        if session.running:
            self._jump_to = wanted
            self.session.relay(now)
            session.timeline.ensure(max(session.bar, session.committed_bar) + 1)
        else:
            self.session.rewind(wanted)

    def _set_tempo_factor(self, session: SessionCore, command: Command, now: float) -> None:
        self.passes.change(max(session.bar, 0), tempo_factor=float(arguments_of(command)["factor"]))
        self._apply(max(session.bar, 0), now)
        if not session.is_master:
            session.notice("the tempo is the external clock's", "warning")

    def _transpose(self, session: SessionCore, command: Command, now: float) -> None:
        semitones = int(arguments_of(command)["semitones"])
        check_transposition(self.song.score, semitones)
        self.passes.change(max(session.bar, 0), transpose=semitones)
        self._apply(max(session.bar, 0), now)

    def _keep(self, session: SessionCore, command: Command, now: float) -> None:
        self.keep_fills = bool(arguments_of(command).get("on", not self.keep_fills))
        session.notice("fills are kept from pass to pass" if self.keep_fills else "fills are new on every pass")
        if self.keep_fills and session.bar >= 0:
            self._put_kept_fills(session, session.bar)

    def _set_role(self, session: SessionCore, command: Command, now: float) -> None:
        """A written part becomes mine by giving it to the player's lane; any other role is the lane's own."""
        lane, role = self.session.lane(arguments_of(command)["track"]), arguments_of(command)["role"]
        player = next((human for human in session.lanes_of("human") if human is not lane), None)
        if role == "human" and lane.song_track is not None and player is not None:
            player.song_track, role = lane.song_track, "silent"
        elif player is not None and player.song_track == lane.song_track and role == "companion":
            player.song_track = None
        self.session.do_set_role(now, lane.index, role)
        self._shown = None
        self._judge.part_changed(session)

    # -- the view -----------------------------------------------------------------------------------------------------

    def view(self, session: SessionCore, now: float) -> PracticeView:
        """Where we are in the song, and how it goes."""
        bar = max(session.bar, 0)
        settings = self.passes.settings(bar)
        number = self.passes.number(bar)
        self._judge.advance(session, session.position(now))
        live = self._judge.tally(number)
        return PracticeView(
            title=self.song.title,
            bar_count=session.songbook.bar_count,
            pass_number=number,
            tempo_factor=session.tempo_factor,
            loop=self.loop,
            sections=self.song.sections,
            chords=self._chords_in(settings.transpose),
            song_bar=self._song_bar(session, now),
            transpose=settings.transpose,
            accuracy=self._judge.accuracy(number - 1),
            live_accuracy=live.accuracy,
            right=live.right,
            wrong=live.wrong,
            missed=live.missed,
            extra=live.extra,
            mean_offset_ms=live.mean_offset_ms,
            judged_part=self._judge.part_name(session),
        )

    def _chords_in(self, key: int) -> tuple[tuple[int, float, str], ...]:
        """The chords as they sound, spelled once for every key."""
        if key not in self._chords:
            symbols = transpose_symbols([symbol for _, _, symbol in self.song.chords], key)
            marks = zip(self.song.chords, symbols, strict=True)
            self._chords[key] = tuple((bar, beat, symbol) for (bar, beat, _), symbol in marks)
        return self._chords[key]

    def _song_bar(self, session: SessionCore, now: float) -> int:
        resume = self.session.resume_place(session.position(now))
        song_bar = resume[0] if resume else session.timeline.song_bar(max(session.bar, 0))
        return max(0, min(song_bar, session.songbook.bar_count - 1))

    def _section(self, song_bar: int, bar_count: int) -> Loop:
        """The bars of the section around a bar; the bar alone where there are no sections."""
        edges = sorted({0, bar_count, *(bar for bar, _ in self.song.sections)})
        if len(edges) == 2:
            return song_bar, song_bar + 1
        return max(edge for edge in edges if edge <= song_bar), min(edge for edge in edges if edge > song_bar)


def _shifted(notes: tuple[Note, ...], semitones: int) -> tuple[Note, ...]:
    if not semitones:
        return notes
    return tuple(replace(note, pitch=note.pitch + semitones) for note in notes if 0 <= note.pitch + semitones <= 127)
