"""Addresses of midigpt's OSC server, where it has one for the same thing. They count tracks as that server does, from 0."""

from __future__ import annotations

from companion.errors import CommandError
from companion.runtime.remote.meanings import Address, Arguments, argument_at, one_line, plain, whole
from companion.session.api.commands import Command, command
from companion.session.api.snapshot import LaneView, Snapshot

MIDIGPT_PREFIX = "/midigpt"
# Names of midigpt's parameters that differ from ours; those without a counterpart are not listed.
_MIDIGPT_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "mask_p": "mask_p",
    "mask_k": "mask_k",
    "polyphony_hard_limit": "polyphony_hard_limit",
    "density_hard_limit": "density_hard_limit",
}
_MIDIGPT_MODEL = {"model_dim": "model_dim", "mask_mode": "mask_mode", "sampling_seed": "seed"}
_WHOLE = frozenset({"top_k", "mask_k", "polyphony_hard_limit", "density_hard_limit", "model_dim", "sampling_seed"})


def _parameter(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    name, value = str(argument_at(arguments, 0, "name")), argument_at(arguments, 1, "value")
    if name in _WHOLE:
        value = whole(value, name)
    if name in _MIDIGPT_SAMPLING:
        return [command("set_sampling", **{_MIDIGPT_SAMPLING[name]: value})]
    if name in _MIDIGPT_MODEL:
        return [command("set_model", **{_MIDIGPT_MODEL[name]: value})]
    raise CommandError(f"parameter {one_line(name)} has no counterpart here")


def _own_lanes(snapshot: Snapshot | None) -> list[LaneView]:
    return [lane for lane in snapshot.lanes if lane.role == "companion"] if snapshot else []


def _agent_attribute(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """midigpt has one agent: the value is set for every part of ours."""
    name, value = str(argument_at(arguments, 0, "name")), whole(argument_at(arguments, 1, "value"), "value")
    level = None if value < 0 else value
    return [command("set_attribute", track=lane.index, name=name, level=level) for lane in _own_lanes(snapshot)]


def _free_attributes(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [
        command("set_attribute", track=lane.index, name=name, level=None)
        for lane in _own_lanes(snapshot)
        for name in lane.attributes
    ]


def _ignore(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    track = whole(argument_at(arguments, 0, "track"), "track")
    return [command("mute", track=track, on=bool(argument_at(arguments, 1, "ignore")))]


def _remove(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    return [command("remove_track", track=whole(argument_at(arguments, 0, "track"), "track"))]


MIDIGPTS = (
    Address("/session/start", "", "start", plain("start")),
    Address("/session/stop", "", "stop", plain("stop")),
    Address("/param/set", "s name, value", "sampling and model parameters that exist here", _parameter),
    Address(
        "/attr/set", "s name, i value", "set a control of every companion part; below 0 frees it", _agent_attribute
    ),
    Address("/attr/reset_all", "", "free all controls of the companion's parts", _free_attributes),
    Address("/track/set_ignore", "i track, i ignore", "mute a part (counted from 0)", _ignore),
    Address("/track/remove", "i track", "remove a part (counted from 0)", _remove),
)
