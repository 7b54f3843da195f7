"""The player's wishes for lanes: mute, solo, instruments, levels, controls, tracks coming and going."""

from __future__ import annotations

from collections.abc import Mapping

from companion.music.instruments import program_name
from companion.session.api import commands, lane_commands
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, Undoable, dial
from companion.session.extension import Handler
from companion.session.lanes import Assignment, Lanes
from companion.session.output.playback import Playback

SOUNDING_ROLES = ("companion", "backing")
ROLE_WORDS = {"human": "yours", "companion": "the companion's", "backing": "as written", "silent": "silent"}


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
        self._playback.send_mix(lane, now)

    def _remove_track(self, wish: lane_commands.RemoveTrack, now: float) -> None:
        lane = self._lanes.find(wish.track)
        self._playback.end_lane(lane, now)
        self._lanes.remove(lane)

    # -- what they change ---------------------------------------------------------------------------------------------

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What each command changes."""
        return {
            lane_commands.Mute: self._muted,
            lane_commands.Solo: self._alone,
            lane_commands.SetProgram: self._program,
            lane_commands.SetVolume: self._volume,
            lane_commands.SetPan: self._pan,
            lane_commands.SetAttribute: self._attribute,
            lane_commands.SetRole: self._role,
            lane_commands.AddTrack: lambda wish: self._present(),
            lane_commands.RemoveTrack: lambda wish: self._present(),
        }

    def _muted(self, wish: lane_commands.Mute) -> Undoable:
        lane = self._lanes.find(wish.track)
        return dial(
            ("mute", lane.index),
            lambda: lane.muted,
            lambda on, now: self._mute(lane_commands.Mute(lane.index, on), now),
            lambda on: f"{lane.name} is {'muted' if on else 'heard'}",
        )

    def _alone(self, wish: lane_commands.Solo) -> Undoable:
        lane = self._lanes.find(wish.track)
        return dial(
            ("solo", lane.index),
            lambda: lane.solo,
            lambda on, now: self._solo(lane_commands.Solo(lane.index, on), now),
            lambda on: f"{lane.name} is {'alone' if on else 'not alone'}",
        )

    def _program(self, wish: lane_commands.SetProgram) -> Undoable:
        lane = self._lanes.find(wish.track)
        return dial(
            ("program", lane.index),
            lambda: lane.program,
            lambda program, now: self._set_program(lane_commands.SetProgram(lane.index, program), now),
            lambda program: f"{lane.name} is {program_name(program, lane.is_drum)}",
        )

    def _volume(self, wish: lane_commands.SetVolume) -> Undoable:
        lane = self._lanes.find(wish.track)

        def write_volume(value: int | None, now: float) -> None:
            self._lanes.set_volume(lane, value)
            self._playback.send_mix(lane, now, reset=True)

        return dial(
            ("volume", lane.index),
            lambda: lane.volume,
            write_volume,
            lambda value: f"{lane.name} has volume {_level(value)}",
        )

    def _pan(self, wish: lane_commands.SetPan) -> Undoable:
        lane = self._lanes.find(wish.track)

        def write_pan(value: int | None, now: float) -> None:
            self._lanes.set_pan(lane, value)
            self._playback.send_mix(lane, now, reset=True)

        return dial(
            ("pan", lane.index),
            lambda: lane.pan,
            write_pan,
            lambda value: f"{lane.name} has pan {_level(value)}",
        )

    def _attribute(self, wish: lane_commands.SetAttribute) -> Undoable:
        lane, name = self._lanes.find(wish.track), wish.name
        words = name.replace("_", " ")
        return dial(
            ("attribute", lane.index, name),
            lambda: dict(lane.attributes),  # all of them: one end of a range may have moved the other
            lambda attributes, now: self._lanes.set_attributes(lane, attributes),
            lambda attributes: f"{words} of {lane.name} is {attributes.get(name, 'free')}",
        )

    def _role(self, wish: lane_commands.SetRole) -> Undoable:
        lane = self._lanes.find(wish.track)

        def write(assigned: Assignment, now: float) -> bool:
            self._playback.end_lane(lane, now)
            self._lanes.assign(lane, assigned)
            return True

        def say(assigned: Assignment) -> str:
            return f"{lane.name} is {ROLE_WORDS[assigned.role]}"

        return Undoable(("role", lane.index), lambda: self._lanes.assignment(lane), write, say, runs=False)

    def _present(self) -> Undoable:
        """Which lanes are there."""

        def write(present: frozenset[int], now: float) -> bool:
            for lane in self._lanes:
                if lane.removed and lane.index in present:
                    self._lanes.bring_back(lane)
                    self._playback.send_program(lane, now, always=lane.role in SOUNDING_ROLES)
                    self._playback.send_mix(lane, now)
                elif not lane.removed and lane.index not in present:
                    self._playback.end_lane(lane, now)
                    self._lanes.remove(lane)
            return True

        def say(present: frozenset[int]) -> str:
            return f"the parts are {', '.join(self._lanes[index].name for index in sorted(present))}"

        def read() -> frozenset[int]:
            return frozenset(lane.index for lane in self._lanes if not lane.removed)

        return Undoable("lanes", read, write, say, runs=False)


def _level(value: int | None) -> str:
    return "as usual" if value is None else str(value)
