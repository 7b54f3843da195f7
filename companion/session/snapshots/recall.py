"""Changes a session to other settings, from the next bar line on and without a gap.

This serves snapshots, presets and entries of a set list. What decides how the coming bar is written changes at once, and that bar is
requested again if there is time: sampling, controls, chords, the meter, the checkpoint (which is loaded beside the old one), and parts
that join. They and all that is heard change on the bar line: parts leave, instruments, levels, mutes, intensity, the tempo. A note that
sounds ends on the line if its part leaves, is muted or gets another instrument; every other note goes on.
At rest everything changes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from companion.errors import UsageError
from companion.music import Note
from companion.session.api.bound import on_tracks
from companion.session.api.command_base import Command
from companion.session.api.settings import ClockSource, SessionSettings, TrackSettings
from companion.session.api.snapshot import Ladder
from companion.session.api.transport_commands import SetClockSource
from companion.session.chords.zone import ZoneKeys
from companion.session.commands.undoable import Undoable
from companion.session.extension import Extension
from companion.session.input.zones import Zones
from companion.session.lanes import Assignment, Lane, Lanes
from companion.session.output.outbox import Outbox
from companion.session.output.playback import Playback
from companion.session.performance import Performance
from companion.session.practice.practising import check_practice
from companion.session.requests.requests import Requests
from companion.session.snapshots.differences import wishes_at_once, wishes_at_the_line
from companion.session.snapshots.matching import match
from companion.session.snapshots.reading import SettingsReader, without_rig
from companion.session.snapshots.song_change import SongChange
from companion.session.timing.musical_time import MusicalTime

SOUNDING = ("companion", "backing")


@dataclass(frozen=True, slots=True)
class Coming:
    """Settings that hold from a session bar on. kept: lanes with their tracks, also those that join."""

    bar: int
    settings: SessionSettings
    kept: tuple[tuple[Lane, TrackSettings], ...]
    joining: frozenset[int]
    leaving: tuple[Lane, ...]
    changes_song: bool


class Recall(Extension):
    """seconds_for: how long a request for this many lanes takes. do: carries a command out, outside the history."""

    def __init__(
        self,
        reader: SettingsReader,
        song_change: SongChange,
        lanes: Lanes,
        time: MusicalTime,
        performance: Performance,
        playback: Playback,
        requests: Requests,
        seconds_for: Callable[[int], float | None],
        chord_zones: ZoneKeys,
        zones: Zones,
        outbox: Outbox,
        do: Callable[[Command, float], None],
    ) -> None:
        self._reader, self._song_change = reader, song_change
        self._lanes, self._time, self._performance = lanes, time, performance
        self._playback, self._requests, self._seconds_for = playback, requests, seconds_for
        self._chord_zones, self._zones = chord_zones, zones
        self._outbox, self._do = outbox, do
        self._coming: Coming | None = None
        self._tempo_due: Coming | None = None

    # -- asking -------------------------------------------------------------------------------------------------------

    def present(self) -> SessionSettings:
        """The settings that hold, or will hold from the next bar line on."""
        return self._coming.settings if self._coming is not None else self._reader.read()

    @property
    def is_coming(self) -> bool:
        """Whether settings wait for the bar line."""
        return self._coming is not None

    def next_song_bar(self, song_bar: int) -> int | None:
        """The first bar of a new song."""
        return self._song_change.next_song_bar()

    def plays(self, lane: Lane, bar: int) -> bool | None:
        """Parts that join or leave rest before or after the bar line."""
        coming = self._coming
        if coming is None:
            return None
        if bar < coming.bar:
            return False if lane.index in coming.joining else None
        silenced = lane in coming.leaving or any(other is lane and track.muted for other, track in coming.kept)
        return False if silenced else None

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """The same for written parts."""
        return ((), "rest") if lane.role == "backing" and self.plays(lane, bar) is False else None

    def undoable(self) -> Undoable:
        """All settings as one thing."""

        def write(settings: SessionSettings, now: float) -> bool:
            self.recall(settings, now)
            return True

        return Undoable("settings", self.present, write, lambda settings: "everything is set as it was", runs=False)

    # -- the change ---------------------------------------------------------------------------------------------------

    def recall(self, settings: SessionSettings, now: float) -> dict[int, int]:
        """Let these settings hold from the next bar line on; at rest, from now on. Returns the lane of each track."""
        performance = self._performance
        if self._coming is not None and not performance.running:
            self._coming = None
        before = self._reader.read()
        if not performance.running and self._needs_other_clock(settings.clock.source):
            self._do(SetClockSource(settings.clock.source), now)
            before = self._reader.read()
        settings = replace(without_rig(settings), clock=replace(settings.clock, source=before.clock.source))
        changes_song = settings.song is not before.song and settings.song != before.song
        if changes_song and settings.song is not None:
            check_practice(settings.song, settings.practice)
        bar = max(performance.committed_bar, performance.bar) + 1
        found = match(self._lanes, settings.tracks)
        kept, joining = list(found.kept), []
        for lane, track in found.back:
            self._lanes.bring_back(lane)
            kept.append((lane, track))
            joining.append(lane)
        for track in found.new:
            try:
                lane = self._lanes.add(track)
            except UsageError as error:
                self._outbox.notice(f"{track.name} is left out: {error}", "warning")
                continue
            kept.append((lane, track))
            joining.append(lane)
        still_joining = self._coming.joining if self._coming is not None else frozenset()
        joined = frozenset(lane.index for lane in joining) | still_joining
        self._coming = Coming(bar, settings, tuple(kept), joined, found.leaving, changes_song)
        for lane, track in kept:
            self._set_for_writing(lane, track, now)
        if changes_song:
            for lane, track in kept:
                self._lanes.set_song_track(lane, track.song_track)
            self._song_change.change(settings, bar if performance.running else None, now)
            before = self._reader.read()
        for wish in wishes_at_once(before, settings):
            self._do(wish, now)
        places = {id(track): place for place, track in enumerate(settings.tracks)}
        lanes = {places[id(track)]: lane.index for lane, track in kept}
        self._set_zones(settings, lanes)
        performance.wait_as_before(settings.wait_bars, performance.entry_bar)
        if performance.running:
            self._ask_again(bar, now)
        else:
            self._arrive(now)
        return lanes

    def _needs_other_clock(self, source: ClockSource) -> bool:
        """Whether the music must leave its clock. "external" is the default, so a clock that is shared with others serves as well."""
        follows = source == "external" and self._time.follower is not None
        return source != self._time.source and not follows

    def _set_zones(self, settings: SessionSettings, lanes: dict[int, int]) -> None:
        """Keys that are down end where they began. lanes: by the place of their track."""
        try:
            if settings.chords.zones != self._chord_zones.zones:
                self._chord_zones.change(settings.chords.zones)
            zones = tuple(on_tracks(settings.zones, lanes))
            if zones != self._zones.zones:
                self._zones.change(zones)
        except UsageError as error:
            self._outbox.notice(str(error), "warning")

    def _set_for_writing(self, lane: Lane, track: TrackSettings, now: float) -> None:
        """What the request for the coming bar must know."""
        if lane.role != track.role and track.role in SOUNDING and lane.role != "human":
            self._lanes.assign(lane, replace(self._lanes.assignment(lane), role=track.role))
        for name in lane.attributes.keys() - track.attributes.keys():
            self._lanes.set_attribute(lane, name, None)
        for name, level in track.attributes.items():
            self._lanes.set_attribute(lane, name, level)
        if lane.muted and not track.muted:
            self._playback.end_lane(lane, now)  # what waits was decided for a part that is not heard
            self._lanes.mute(lane, False)

    def _ask_again(self, bar: int, now: float) -> None:
        """Have the coming bar written as it will be played, if there is time for that."""
        lanes = sum(lane.role == "companion" and not lane.removed for lane in self._lanes)
        seconds = self._seconds_for(lanes)
        line = self._time.to_seconds(self._time.timeline.start(bar))
        if seconds is not None and lanes and now + seconds <= line:
            self._requests.ask_for(bar, now)

    # -- the bar line -------------------------------------------------------------------------------------------------

    def deciding(self, bar: int, now: float) -> None:
        """The bar is decided in which the settings begin to hold."""
        if self._coming is not None and bar >= self._coming.bar:
            self._arrive(now, bar)

    def bar_started(self, bar: int, now: float) -> None:
        """The tempo changes on the line itself."""
        if self._tempo_due is not None and bar >= self._tempo_due.bar:
            coming, self._tempo_due = self._tempo_due, None
            self._set_tempo(coming, self._time.to_seconds(self._time.timeline.start(bar)))

    def stopped(self, now: float) -> None:
        """The music stopped before the bar line: everything changes now."""
        if self._coming is not None:
            self._arrive(now)
        elif self._tempo_due is not None:
            coming, self._tempo_due = self._tempo_due, None
            self._set_tempo(coming, now)

    def _arrive(self, now: float, bar: int | None = None) -> None:
        """Change what is heard: on the line of a bar, or now."""
        coming, self._coming = self._coming, None
        assert coming is not None
        for lane in coming.leaving:
            if bar is None:
                self._playback.end_lane(lane, now)
            else:
                self._playback.end_on_line(lane, bar)
            self._lanes.remove(lane)
        for lane, track in coming.kept:
            self._set_for_hearing(lane, track, bar, now, is_new=lane.index in coming.joining)
        if coming.changes_song and bar is not None:
            self._song_change.arrive(now)
        for wish in wishes_at_the_line(self._reader.read(), coming.settings):
            self._do(wish, now)
        if bar is None:
            self._set_tempo(coming, now)
        else:
            self._tempo_due = coming

    def _set_for_hearing(self, lane: Lane, track: TrackSettings, bar: int | None, now: float, is_new: bool) -> None:
        lanes = self._lanes
        assigned = Assignment(track.role, lane.channel if track.channel is None else track.channel, track.song_track)
        if track.role == "human":
            assigned = replace(assigned, channel=track.channel)
        turns = is_new or assigned != lanes.assignment(lane) or lane.program != track.program
        levels = (lane.volume, lane.pan) != (track.volume, track.pan)
        loses_level = levels and (track.volume is None is not lane.volume or track.pan is None is not lane.pan)
        ends = turns or (track.muted and not lane.muted)
        if ends and not is_new:
            if bar is None:
                self._playback.end_lane(lane, now)
            else:
                self._playback.end_on_line(lane, bar)
        if assigned != lanes.assignment(lane):
            lanes.assign(lane, assigned)
        lanes.set_program(lane, track.program)
        lanes.set_volume(lane, track.volume)
        lanes.set_pan(lane, track.pan)
        lanes.mute(lane, track.muted)
        lanes.set_solo(lane, track.solo)
        if turns and lane.role in SOUNDING:
            self._playback.send_program(lane, now, always=True, bar=bar)
        if levels or is_new:
            self._playback.send_mix(lane, now, reset=loses_level, bar=bar)

    def _set_tempo(self, coming: Coming, now: float) -> None:
        """Where the clock is ours and no song has its own tempo."""
        clock = self._time.master
        if clock is not None and self._time.songbook.song is None and clock.bpm != coming.settings.clock.bpm:
            clock.set_bpm(coming.settings.clock.bpm, now)
