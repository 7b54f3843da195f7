"""Follows how the player plays, besides how loudly: how busy the band is, and the register that it leaves free.

The player's activity is onsets a beat over the last bar; a chord is one onset. Doubling it moves the density that the band is asked
for by `LEVELS_A_DOUBLING` levels at full depth, and a negative depth moves it the other way: the band fills the gaps. The two halves of
the bar count alike, on the scale of doublings, so that a rest after a fast run is heard as soon as a run after a rest.
The player's register is what they played within the last two bars, widened to an octave. Positions are session beats.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from math import floor, log2

from companion.music import Note
from companion.session.api import calls as api
from companion.session.api.command_base import Command
from companion.session.api.limits import DRUM_DENSITY_EDGES
from companion.session.api.settings import LeadingSettings
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Handler
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.leading.endings import BASS_PROGRAMS

ACTIVITY_BARS, REGISTER_BARS = 1.0, 2.0
CHORD_BEATS = 0.1  # onsets this close are one chord
USUAL_ONSETS_A_BEAT = 1.5  # between quarters and eighths: nothing moves
FEWEST_ONSETS_A_BEAT = 0.25  # silence counts as this much
LEVELS_A_DOUBLING = 2.5
MOST_LEVELS = 6.0
PITCHED_SHARE = 0.5  # of the levels that drums move: sixteenths of a drum kit are a groove, those of chords are none
USUAL_LEVELS = (2, 4)  # of note density, of pitched parts (4 or 5 onsets a bar) and drums, until their own are known
NEUTRAL_LEVELS = 0.75  # while density moves less than this, what a part plays counts as its own
OWN_BARS = 8.0  # what a part plays of its own is a mean over about this many bars
LEAST_SPAN = 12  # semitones: a player who stays on one note still fills the octave around it
HIGHEST_BASS = 52  # E3: a player who goes below it has the bass


class Listening:
    """density: -1 to 1, how far the band's density follows. space: 0 to 1, how far the band stays out of the player's register."""

    def __init__(self, settings: LeadingSettings) -> None:
        self.density, self.space = settings.follow_density, settings.stay_out_of_register
        self._onsets: deque[float] = deque()
        self._pitches: deque[tuple[float, int]] = deque()
        self._heard_beats = 0.0  # up to here the player has been heard
        self._own_onsets: dict[int, float] = {}  # by lane: onsets a bar that nothing has moved
        self._moved_bars: set[int] = set()  # bars that were asked for with another density

    # -- what is heard ------------------------------------------------------------------------------------------------

    def heard(self, note: CapturedNote, is_drum: bool, bar_beats: float) -> None:
        """The player strikes a key."""
        position = note.onset_beats
        if note.bar is None:
            return
        if not self._onsets or position - self._onsets[-1] > CHORD_BEATS:
            self._onsets.append(position)
        if not is_drum:
            self._pitches.append((position, note.pitch))
        self.reached(position, bar_beats)

    def reached(self, position: float, bar_beats: float) -> None:
        """The music has come so far."""
        self._heard_beats = max(self._heard_beats, position)
        while self._onsets and self._onsets[0] < self._heard_beats - ACTIVITY_BARS * bar_beats:
            self._onsets.popleft()
        while self._pitches and self._pitches[0][0] < self._heard_beats - REGISTER_BARS * bar_beats:
            self._pitches.popleft()

    def due_position(self) -> float | None:
        """The next beat, if anything follows the player: a rest is heard only by time passing."""
        return floor(self._heard_beats + 1e-6) + 1.0 if self.density or self.space else None

    def played(self, lane: Lane, bar: int, notes: Sequence[Note]) -> None:
        """A part of ours has played a bar: it counts as its own unless the player moved it. Rests do not count."""
        if not notes or bar in self._moved_bars:
            return
        onsets = float(len({note.onset_ticks for note in notes}) if not lane.is_drum else len(notes))
        own = self._own_onsets.get(lane.index, onsets)
        self._own_onsets[lane.index] = own + (onsets - own) / OWN_BARS

    def forget_before(self, bar: int) -> None:
        """Bars before this one are over."""
        self._moved_bars = {moved for moved in self._moved_bars if moved >= bar}

    def stopped(self) -> None:
        """Forget what was heard, because the music stopped or jumped."""
        self._moved_bars.clear()
        self._onsets.clear()
        self._pitches.clear()
        self._heard_beats = 0.0

    # -- what follows -------------------------------------------------------------------------------------------------

    def density_shift(self, bar: int, bar_beats: float) -> float:
        """Levels of note density to add to what the band is asked for in a bar."""
        if not self.density:
            self._moved_bars.discard(bar)
            return 0.0
        half_beats = ACTIVITY_BARS * bar_beats / 2
        middle = self._heard_beats - half_beats
        later = sum(onset >= middle for onset in self._onsets)
        activities = [max(count / half_beats, FEWEST_ONSETS_A_BEAT) for count in (len(self._onsets) - later, later)]
        doublings = sum(log2(activity / USUAL_ONSETS_A_BEAT) for activity in activities) / 2
        shift = self.density * LEVELS_A_DOUBLING * doublings
        shift = min(MOST_LEVELS, max(-MOST_LEVELS, shift))
        if abs(shift) >= NEUTRAL_LEVELS:
            self._moved_bars.add(bar)
        return shift

    def usual_level(self, lane: Lane) -> int:
        """The level of note density that a part plays of its own."""
        onsets = self._own_onsets.get(lane.index)
        return USUAL_LEVELS[lane.is_drum] if onsets is None else bisect_left(DRUM_DENSITY_EDGES, onsets)

    def pace(self, lane: Lane, bar: int, bar_beats: float) -> int | None:
        """The level of note density for a melodic lane; None while nothing moves it."""
        shift = 0.0 if lane.is_drum else self.density_shift(bar, bar_beats)
        if abs(shift) < NEUTRAL_LEVELS:
            return None
        return min(9, max(0, round(self.usual_level(lane) + PITCHED_SHARE * shift)))

    def avoided(self, lane: Lane) -> tuple[int, int, float] | None:
        """The player's register for a pitched lane, and how strongly it stays away; None while the player rests.

        A bass stays where it is unless the player has the bass.
        """
        if lane.is_drum or not self.space or not self._pitches:
            return None
        played = [pitch for _, pitch in self._pitches]
        low, high = min(played), max(played)
        if lane.program in BASS_PROGRAMS and low >= HIGHEST_BASS:
            return None
        wider = max(0, LEAST_SPAN - (high - low))
        return max(0, low - wider // 2), min(127, high + (wider + 1) // 2), self.space

    # -- the player's wishes ------------------------------------------------------------------------------------------

    def dials(self) -> Mapping[str, float]:
        """The dials at their present values."""
        return {"follow_density": self.density, "stay_out_of_register": self.space}

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Which method does which command."""
        return {
            api.FollowDensity: lambda wish, now: self._write_density(wish.depth, now),
            api.StayOutOfRegister: lambda wish, now: self._write_space(wish.depth, now),
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What the commands change."""
        density = dial(
            "follow density", lambda: self.density, self._write_density, lambda depth: f"follow density is {depth:g}"
        )
        space = dial(
            "register", lambda: self.space, self._write_space, lambda depth: f"stay out of my register is {depth:g}"
        )
        return {api.FollowDensity: lambda wish: density, api.StayOutOfRegister: lambda wish: space}

    def _write_density(self, depth: float, now: float) -> None:
        self.density = depth

    def _write_space(self, depth: float, now: float) -> None:
        self.space = depth
