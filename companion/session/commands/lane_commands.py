"""The player's wishes for lanes: mute, solo, instruments, controls, tracks coming and going."""

from __future__ import annotations

from collections.abc import Mapping

from companion.session.api import commands, lane_commands
from companion.session.commands.handlers import switched
from companion.session.extension import Handler
from companion.session.lanes import Lanes
from companion.session.output.playback import Playback

SOUNDING_ROLES = ("companion", "backing")


class LaneCommands:
    """A track that does not exist is a UsageError."""

    def __init__(self, lanes: Lanes, playback: Playback) -> None:
        self._lanes, self._playback = lanes, playback

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            lane_commands.Mute: self._mute,
            lane_commands.Solo: self._solo,
            lane_commands.SetProgram: self._set_program,
            lane_commands.SetVolume: self._set_volume,
            lane_commands.SetPan: self._set_pan,
            lane_commands.SetAttribute: self._set_attribute,
            lane_commands.SetRole: self._set_role,
            lane_commands.AddTrack: self._add_track,
            lane_commands.RemoveTrack: self._remove_track,
        }

    def _mute(self, wish: lane_commands.Mute, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.mute(lane, switched(wish.on, lane.muted))
        self._playback.silence_unheard(now)

    def _solo(self, wish: lane_commands.Solo, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_solo(lane, switched(wish.on, lane.solo))
        self._playback.silence_unheard(now)

    def _set_program(self, wish: lane_commands.SetProgram, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_program(lane, wish.program)
        if lane.role in SOUNDING_ROLES:
            self._playback.silence_lane(lane, now)
            self._playback.send_program(lane, now, always=True)

    def _set_volume(self, wish: lane_commands.SetVolume, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_volume(lane, wish.value)
        self._playback.send_mix(lane, now)

    def _set_pan(self, wish: lane_commands.SetPan, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_pan(lane, wish.value)
        self._playback.send_mix(lane, now)

    def _set_attribute(self, wish: lane_commands.SetAttribute, now: float) -> None:
        self._lanes.set_attribute(self._lanes.find(wish.track), wish.name, wish.level)

    def _set_role(self, wish: lane_commands.SetRole, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._playback.end_lane(lane, now)
        self._lanes.set_role(lane, wish.role)

    def _add_track(self, wish: lane_commands.AddTrack, now: float) -> None:
        lane = self._lanes.add(wish.settings)
        if lane.role in SOUNDING_ROLES:
            self._playback.send_program(lane, now, always=True)

    def _remove_track(self, wish: lane_commands.RemoveTrack, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._playback.end_lane(lane, now)
        self._lanes.remove(lane)
