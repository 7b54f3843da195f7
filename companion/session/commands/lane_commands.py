"""The player's wishes for lanes and for the model: mute, instruments, controls, tracks coming and going, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from companion.midi.messages import ProgramChange
from companion.session.api.effects import LoadModel
from companion.session.api.settings import Sampling, TrackSettings
from companion.session.commands.arguments import BadArgument, changed, number, switch, whole
from companion.session.lanes import Lane, audible, make_lane
from companion.session.midi_input import Listening

MAX_LANES = 32

SAMPLING_LIMITS = {
    "temperature": (0.01, 10.0),
    "top_p": (0.01, 1.0),
    "mask_p": (0.0, 0.99),
    "harmony": (0.0, 3.0),
    "variety": (0.0, 3.0),
}


class LaneCommands(Listening):
    """`do_NAME` for commands about lanes and the model; see `commanding`."""

    # -- lanes --------------------------------------------------------------------------------------------------------

    def do_panic(self, now: float) -> None:
        """Silence everything, on every channel used."""
        self.scheduler.panic(now)
        self._thru_notes.clear()

    def do_mute(self, now: float, track: Any, on: Any = None) -> None:
        """A lane falls silent at once."""
        lane = self.lane(track)
        lane.muted = switch(on, lane.muted)
        self._silence_unheard(now)

    def do_solo(self, now: float, track: Any, on: Any = None) -> None:
        """Only this lane of ours, and other soloed ones."""
        lane = self.lane(track)
        lane.solo = switch(on, lane.solo)
        self._silence_unheard(now)

    def _silence_unheard(self, now: float) -> None:
        unheard = [lane.index for lane in self.lanes if not audible(lane, self.lanes)]
        self.scheduler.silence(now, unheard)

    def do_set_program(self, now: float, track: Any, program: Any) -> None:
        """Another instrument."""
        lane = self.lane(track)
        lane.program = whole("program", program, 0, 127)
        if lane.role in ("companion", "backing"):
            self.scheduler.silence(now, [lane.index])
            self.send(lane.output_port, ProgramChange(lane.out_channel, lane.program), now, lane.index)

    def do_set_attribute(self, now: float, track: Any, name: Any, level: Any = None) -> None:
        """A control of the model; None lets it decide."""
        lane = self.lane(track)
        if level is None:
            lane.attributes = {key: value for key, value in lane.attributes.items() if key != name}
        else:
            lane.attributes = {**lane.attributes, str(name): whole("level", level, 0, 127)}

    def do_set_role(self, now: float, track: Any, role: Any) -> None:
        """human, companion, backing or silent."""
        if role not in ("human", "companion", "backing", "silent"):
            raise BadArgument("role must be human, companion, backing or silent")
        lane = self.lane(track)
        self.scheduler.cancel(lane.index)
        self.scheduler.silence(now, [lane.index])
        fresh = make_lane(
            lane.index, TrackSettings(lane.name, role, channel=lane.channel, is_drum=lane.is_drum), self.lanes
        )
        lane.role, lane.channel = role, fresh.channel
        self._lanes_changed()

    def do_add_track(self, now: float, settings: Any) -> None:
        """A further lane."""
        if not isinstance(settings, TrackSettings):
            raise BadArgument("settings must be TrackSettings")
        if sum(not lane.removed for lane in self.lanes) >= MAX_LANES:
            raise BadArgument(f"no more than {MAX_LANES} tracks")
        lane = make_lane(len(self.lanes), settings, self.lanes)
        self.lanes.append(lane)
        self._lanes_changed()
        if lane.role in ("companion", "backing"):
            self.send(lane.output_port, ProgramChange(lane.out_channel, lane.program), now, lane.index)

    def do_remove_track(self, now: float, track: Any) -> None:
        """A lane leaves; the numbers of the others stay."""
        lane = self.lane(track)
        self.scheduler.cancel(lane.index)
        self.scheduler.silence(now, [lane.index])
        lane.removed = True
        self._lanes_changed()

    def lane(self, track: Any) -> Lane:
        """By its index; raises BadArgument."""
        number = whole("track", track, 0, len(self.lanes) - 1)
        if self.lanes[number].removed:
            raise BadArgument(f"track {number} is gone")
        return self.lanes[number]

    # -- the model ----------------------------------------------------------------------------------------------------

    def do_set_sampling(self, now: float, **changes: Any) -> None:
        """Fields of Sampling."""
        sampling = changed(self.settings.model.sampling, changes)
        for name, (low, high) in SAMPLING_LIMITS.items():
            number(name, getattr(sampling, name), low, high)
        self.settings = replace(self.settings, model=replace(self.settings.model, sampling=sampling))

    def do_set_model(self, now: float, **changes: Any) -> None:
        """Fields of ModelSettings; another checkpoint or engine is loaded while the music goes on."""
        before, model = self.settings.model, changed(self.settings.model, changes)
        if not isinstance(model.sampling, Sampling):
            raise BadArgument("sampling must be Sampling")
        whole("model_dim", model.model_dim, 0, 1024)
        whole("takes", model.takes, 1, 16)
        self.settings = replace(self.settings, model=model)
        self.size = None
        if (model.checkpoint, model.engine) != (before.checkpoint, before.engine):
            self._cancel_flight()
            self.checkpoint = None
            self.engine_state = "loading"
            self.emit(LoadModel(model))
