"""All dials that a knob can turn: their limits, and the command that sets each. Pure.

A dial of the band has no track; a dial of a part belongs to a lane. Where a dial has few levels (`stepped`), a knob moves it with
hysteresis. Attributes of the model are dials of parts; below their lowest level they are free, which counts as −1 here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from companion.errors import UsageError
from companion.session.api import calls, lane_commands, limits, model_commands, transport_commands
from companion.session.api.command_base import Command
from companion.session.api.limits import Limit
from companion.session.api.settings import Knob, RewriteDial

FREE = -1
_REWRITING: tuple[RewriteDial, ...] = get_args(RewriteDial)
Make = Callable[[float, int], Command]  # takes the value and the track


@dataclass(frozen=True, slots=True)
class Dial:
    """One dial. usual: the range that a new knob has. digits: decimals of its values; 0 for whole numbers."""

    name: str
    title: str
    limit: Limit
    usual: tuple[float, float]
    make: Make
    of_part: bool = False
    stepped: bool = False
    digits: int = 2


def _sampling(name: str, limit: Limit, low: float, high: float) -> Dial:
    def make(value: float, track: int) -> Command:
        given: dict[str, Any] = {name: value}
        return model_commands.SetSampling(**given)

    return Dial(name, name.replace("_", "-"), limit, (low, high), make)


def _attribute(name: str, top: int) -> Dial:
    def make(value: float, track: int) -> Command:
        return lane_commands.SetAttribute(track, name, None if value <= FREE else int(value))

    return Dial(
        name, name.replace("_", " "), Limit(FREE, top, True), (0, top), make, of_part=True, stepped=True, digits=0
    )


def _mix(name: str, kind: Callable[[int, int], Command]) -> Dial:
    return Dial(
        name, name, limits.MIX, limits.MIX.range, lambda value, track: kind(track, int(value)), of_part=True, digits=0
    )


_ALL = (
    Dial(
        "intensity",
        "intensity",
        limits.INTENSITY,
        limits.INTENSITY.range,
        lambda value, track: calls.SetIntensity(int(value)),
        digits=0,
    ),
    Dial(
        "follow_dynamics",
        "follow dynamics",
        limits.SHARE,
        limits.SHARE.range,
        lambda value, track: calls.FollowDynamics(value),
    ),
    Dial(
        "follow_density",
        "follow density",
        limits.SIGNED_SHARE,
        limits.SIGNED_SHARE.range,
        lambda value, track: calls.FollowDensity(value),
    ),
    Dial(
        "stay_out_of_register",
        "my register free",
        limits.SHARE,
        limits.SHARE.range,
        lambda value, track: calls.StayOutOfRegister(value),
    ),
    Dial(
        "tempo",
        "tempo",
        limits.BPM,
        (60, 180),
        lambda value, track: transport_commands.SetTempo(value),
        digits=1,
    ),
    _sampling("temperature", limits.TEMPERATURE, 0.5, 1.5),
    _sampling("top_p", limits.TOP_P, 0.5, 1.0),
    _sampling("harmony", limits.HARMONY, 0.0, 3.0),
    _sampling("variety", limits.VARIETY, 0.0, 3.0),
    Dial(
        "human",
        "how human",
        limits.HUMAN,
        limits.HUMAN.range,
        lambda value, track: model_commands.SetSampling(human=int(value)),
        stepped=True,
        digits=0,
    ),
    Dial(
        "rewrite",
        "rewriting",
        limits.whole(0, len(limits.REWRITE_DIALS) - 1),
        (0, len(limits.REWRITE_DIALS) - 1),
        lambda value, track: model_commands.SetRewriting(_REWRITING[int(value)]),
        stepped=True,
        digits=0,
    ),
    _mix("volume", lane_commands.SetVolume),
    _mix("pan", lane_commands.SetPan),
    *(_attribute(name, top) for name, top in limits.ATTRIBUTE_TOPS.items()),
)
DIALS: Mapping[str, Dial] = {dial.name: dial for dial in _ALL}
OF_THE_BAND = tuple(dial.name for dial in _ALL if not dial.of_part)


def dial_named(name: str, track: int | None) -> Dial:
    """The dial of this name. Raises UsageError if there is none, or if it needs a part and has none, or the other way round."""
    dial = DIALS.get(name)
    if dial is None:
        raise UsageError(f"unknown dial {name!r} (known: {', '.join(DIALS)})")
    if dial.of_part and track is None:
        raise UsageError(f"{dial.title} is a dial of a part: say which part")
    if not dial.of_part and track is not None:
        raise UsageError(f"{dial.title} is a dial of the whole band, not of a part")
    return dial


def usual_knob(control: str, name: str, track: int | None) -> Knob:
    """A knob with the usual range of a dial. Raises UsageError for a dial that does not exist."""
    low, high = dial_named(name, track).usual
    return Knob(control, name, track, low, high)


def check_knob(knob: Knob) -> None:
    """Raise UsageError if a knob turns no dial, or turns one past its limits."""
    dial = dial_named(knob.dial, knob.track)
    for end, value in (("from", knob.low), ("to", knob.high)):
        if fault := Limit(*dial.limit.range).fault(value):
            raise UsageError(f"{dial.title}: {end} {fault}")
    if knob.curve not in limits.CURVES:
        raise UsageError(f"curve must be {', '.join(limits.CURVES[:-1])} or {limits.CURVES[-1]}")
