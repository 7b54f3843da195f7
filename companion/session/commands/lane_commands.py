"""The player's wishes for lanes: mute, solo, instruments, controls, tracks coming and going."""

from __future__ import annotations

from collections.abc import Mapping

from companion.session.api import commands as wishes
from companion.session.commands.handlers import switched
from companion.session.extension import Handler
from companion.session.lanes import Lanes
from companion.session.output.playback import Playback

SOUNDING_ROLES = ("companion", "backing")


class LaneCommands:
    """A track that does not exist is a UsageError."""

    def __init__(self, lanes: Lanes, playback: Playback) -> None:
        self._lanes, self._playback = lanes, playback

    def handlers(self) -> Mapping[type[wishes.Command], Handler]:
        """Which method does which command."""
        return {
            wishes.Mute: self._mute,
            wishes.Solo: self._solo,
            wishes.SetProgram: self._set_program,
            wishes.SetAttribute: self._set_attribute,
            wishes.SetRole: self._set_role,
            wishes.AddTrack: self._add_track,
            wishes.RemoveTrack: self._remove_track,
        }

    def _mute(self, wish: wishes.Mute, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.mute(lane, switched(wish.on, lane.muted))
        self._playback.silence_unheard(now)

    def _solo(self, wish: wishes.Solo, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_solo(lane, switched(wish.on, lane.solo))
        self._playback.silence_unheard(now)

    def _set_program(self, wish: wishes.SetProgram, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._lanes.set_program(lane, wish.program)
        if lane.role in SOUNDING_ROLES:
            self._playback.silence_lane(lane, now)
            self._playback.send_program(lane, now, always=True)

    def _set_attribute(self, wish: wishes.SetAttribute, now: float) -> None:
        self._lanes.set_attribute(self._lanes.find(wish.track), wish.name, wish.level)

    def _set_role(self, wish: wishes.SetRole, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._playback.end_lane(lane, now)
        self._lanes.set_role(lane, wish.role)

    def _add_track(self, wish: wishes.AddTrack, now: float) -> None:
        lane = self._lanes.add(wish.settings)
        if lane.role in SOUNDING_ROLES:
            self._playback.send_program(lane, now, always=True)

    def _remove_track(self, wish: wishes.RemoveTrack, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._playback.end_lane(lane, now)
        self._lanes.remove(lane)
