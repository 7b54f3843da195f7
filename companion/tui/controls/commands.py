"""The commands behind each key, given what is on screen. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from companion.session.api import limits
from companion.session.api.commands import Command, command
from companion.session.api.settings import Sampling
from companion.session.api.snapshot import BarState, LaneView, Snapshot
from companion.tui.lanes.draw import Selection

TEMPERATURE_STEP, TEMPERATURE_RANGE = 0.05, limits.TEMPERATURE.range
TOP_P_STEP, TOP_P_RANGE = 0.05, (0.05, limits.TOP_P.high)
BPM_RANGE = limits.BPM.range
TEMPO_FACTOR_STEP, TEMPO_FACTOR_RANGE = 0.05, limits.TEMPO_FACTOR.range
INTENSITY_STEP = 10
WAIT_CHOICES = (0, 1, 2, 4, 8)
TRADE_CHOICES = (0, 2, 4, 8)

SONGS_OWN = ("loop", "next_section", "song_slower", "song_faster", "key_down", "key_up", "mine", "fill", "backing")
MASTERS_OWN = ("toggle", "tap", "faster", "slower", "rewind")  # not with an external clock

Wish = Callable[[Snapshot, Selection], list[Command]]


def commands_for(name: str, snapshot: Snapshot, selection: Selection) -> list[Command]:
    """The commands behind a key's action; empty if it makes no sense now. Raises KeyError for a name that no key has."""
    wish = _WISHES[name]
    if (
        name in MASTERS_OWN
        and snapshot.transport.source == "external"
        and not (name == "toggle" and waits_for_clock(snapshot))
    ):
        return []
    return wish(snapshot, selection)


def selected_lane(snapshot: Snapshot, selection: Selection) -> LaneView | None:
    """The lane the keys act on."""
    return snapshot.lanes[selection.lane] if 0 <= selection.lane < len(snapshot.lanes) else None


def target_bar(snapshot: Snapshot, selection: Selection) -> int:
    """The bar the keys act on."""
    return snapshot.transport.bar + 1 if selection.bar is None else selection.bar


def waits_for_clock(snapshot: Snapshot) -> bool:
    """True while an external clock is expected and does not run."""
    return snapshot.transport.source == "external" and snapshot.transport.state == "stopped"


def step(value: float, by: float, limits: tuple[float, float]) -> float:
    """A value moved by one step on its own grid, within limits."""
    return min(max(round(round(value / abs(by)) * abs(by) + by, 6), limits[0]), limits[1])


def _plain(name: str) -> Wish:
    return lambda snapshot, selection: [command(name)]


def _toggle(snapshot: Snapshot, selection: Selection) -> list[Command]:
    if waits_for_clock(snapshot):
        return [command("set_clock_source", source="internal"), command("start")]
    return [command("toggle")]


def _tempo(by: float) -> Wish:
    return lambda snapshot, selection: [command("set_tempo", bpm=step(snapshot.transport.bpm, by, BPM_RANGE))]


def _switch(name: str, is_on: Callable[[Snapshot], bool]) -> Wish:
    return lambda snapshot, selection: [command(name, on=not is_on(snapshot))]


def _lane_switch(name: str, is_on: Callable[[LaneView], bool]) -> Wish:
    def wish(snapshot: Snapshot, selection: Selection) -> list[Command]:
        lane = selected_lane(snapshot, selection)
        return [] if lane is None else [command(name, track=lane.index, on=not is_on(lane))]

    return wish


def _sampling(field: str, by: float, limits: tuple[float, float]) -> Wish:
    assert field in {known.name for known in fields(Sampling)}
    return lambda snapshot, selection: [
        command("set_sampling", **{field: step(getattr(snapshot.model.sampling, field), by, limits)})
    ]


def bar_state(snapshot: Snapshot, bar: int) -> BarState:
    """How decided a bar of our parts is: "played", "committed", "tentative" (planned) or "empty"."""
    states: set[BarState] = {
        view.state for lane in snapshot.lanes if lane.role == "companion" for view in lane.bars if view.bar == bar
    }
    decided: tuple[BarState, ...] = ("played", "committed", "tentative")
    for state in decided:
        if state in states:
            return state
    return "empty"


def _regenerate(snapshot: Snapshot, selection: Selection) -> list[Command]:
    decided = selection.bar is not None and bar_state(snapshot, selection.bar) in ("played", "committed")
    if decided or snapshot.transport.state not in ("running", "lost"):
        return []
    return [command("regenerate") if selection.bar is None else command("regenerate", bar=selection.bar)]


def _another_take(snapshot: Snapshot, selection: Selection) -> list[Command]:
    """For the chosen part or, if it is not one of ours, for all of ours. The session knows which bars can still be changed."""
    if snapshot.transport.state not in ("running", "lost"):
        return []
    lane = selected_lane(snapshot, selection)
    track = {} if lane is None or lane.role != "companion" else {"track": lane.index}
    bar = {} if selection.bar is None else {"bar": selection.bar}
    return [command("another_take", **track, **bar)]


def _keep(snapshot: Snapshot, selection: Selection) -> list[Command]:
    """Only a bar that has begun can be repeated. The session knows whether a bar is already kept."""
    past = selection.bar is not None and selection.bar <= snapshot.transport.bar
    return [command("keep", bar=selection.bar) if past else command("keep")]


def _lock(snapshot: Snapshot, selection: Selection) -> list[Command]:
    bar = target_bar(snapshot, selection)
    if bar_state(snapshot, bar) != "tentative":
        return []
    locked = any(view.locked for lane in snapshot.lanes for view in lane.bars if view.bar == bar)
    return [command("lock", bar=bar, on=not locked)]


def _rewrite(snapshot: Snapshot, selection: Selection) -> list[Command]:
    dials = limits.REWRITE_DIALS
    return [command("set_rewriting", dial=dials[(dials.index(snapshot.rewrite) + 1) % len(dials)])]


def _remove(snapshot: Snapshot, selection: Selection) -> list[Command]:
    lane = selected_lane(snapshot, selection)
    return [] if lane is None or lane.role != "companion" else [command("remove_track", track=lane.index)]


def _role(role: str) -> Wish:
    def wish(snapshot: Snapshot, selection: Selection) -> list[Command]:
        lane = selected_lane(snapshot, selection)
        if snapshot.practice is None or lane is None or lane.role in (role, "human"):
            return []
        return [command("set_role", track=lane.index, role=role)]

    return wish


def _cycle(name: str, argument: str, choices: tuple[int, ...], current: Callable[[Snapshot], int]) -> Wish:
    def wish(snapshot: Snapshot, selection: Selection) -> list[Command]:
        later = [choice for choice in choices if choice > current(snapshot)]
        return [command(name, **{argument: later[0] if later else choices[0]})]

    return wish


def _in_practice(make: Callable[[Any], Command]) -> Wish:
    """An action that needs a song: `make` gets the practice view."""
    return lambda snapshot, selection: [] if snapshot.practice is None else [make(snapshot.practice)]


def _song_tempo(by: float) -> Wish:
    return _in_practice(
        lambda practice: command("set_tempo_factor", factor=step(practice.tempo_factor, by, TEMPO_FACTOR_RANGE))
    )


def _transpose(by: int) -> Wish:
    limit = limits.TRANSPOSE_SEMITONES
    return _in_practice(lambda practice: command("transpose", semitones=int(limit.clamp(practice.transpose + by))))


def _loop(practice: Any) -> Command:
    return command("loop_here") if practice.loop is None else command("set_loop", start=0, end=None)


def _when_playing(name: str, **arguments: Any) -> Wish:
    """A call: it makes sense while music plays."""
    playing = ("running", "lost")
    return lambda snapshot, selection: [command(name, **arguments)] if snapshot.transport.state in playing else []


def _intensity(by: int) -> Wish:
    limit = limits.INTENSITY
    return lambda snapshot, selection: [command("set_intensity", value=int(limit.clamp(snapshot.intensity + by)))]


_WISHES: dict[str, Wish] = {
    "call_fill": _when_playing("fill"),
    "call_fill_now": _when_playing("fill", at="now"),
    "call_break": _when_playing("break"),
    "call_ending": _when_playing("ending"),
    "call_build": _when_playing("build"),
    "call_drop": _when_playing("drop"),
    "call_drums_only": _when_playing("drums_only"),
    "call_solo": _when_playing("solo_for_me"),
    "call_half_time": _when_playing("half_time"),
    "call_double_time": _when_playing("double_time"),
    "call_cancel": _when_playing("cancel_call"),
    "intensity_down": _intensity(-INTENSITY_STEP),
    "intensity_up": _intensity(INTENSITY_STEP),
    "toggle": _toggle,
    "panic": _plain("panic"),
    "tap": _plain("tap"),
    "faster": _tempo(1.0),
    "slower": _tempo(-1.0),
    "click": _switch("click", lambda snapshot: snapshot.click),
    "rewind": lambda snapshot, selection: [command("seek", bar=0)],
    "record": _switch("record", lambda snapshot: snapshot.recording),
    "thru": _switch("thru", lambda snapshot: snapshot.thru),
    "mute": _lane_switch("mute", lambda lane: lane.muted),
    "solo": _lane_switch("solo", lambda lane: lane.solo),
    "remove": _remove,
    "regenerate": _regenerate,
    "another_take": _another_take,
    "keep": _keep,
    "lock": _lock,
    "undo": _plain("undo"),
    "redo": _plain("redo"),
    "intro": _plain("intro"),
    "next_entry": _plain("next_entry"),
    "previous_entry": _plain("previous_entry"),
    "rewrite": _rewrite,
    "wait": _cycle("wait", "bars", WAIT_CHOICES, lambda snapshot: snapshot.wait_bars),
    "cooler": _sampling("temperature", -TEMPERATURE_STEP, TEMPERATURE_RANGE),
    "hotter": _sampling("temperature", TEMPERATURE_STEP, TEMPERATURE_RANGE),
    "narrower": _sampling("top_p", -TOP_P_STEP, TOP_P_RANGE),
    "wider": _sampling("top_p", TOP_P_STEP, TOP_P_RANGE),
    "loop": _in_practice(_loop),
    "next_section": _in_practice(lambda practice: command("next_section")),
    "song_slower": _song_tempo(-TEMPO_FACTOR_STEP),
    "song_faster": _song_tempo(TEMPO_FACTOR_STEP),
    "key_down": _transpose(-1),
    "key_up": _transpose(1),
    "mine": _role("human"),
    "fill": _role("companion"),
    "backing": _role("backing"),
    "trade": _cycle("trade", "bars", TRADE_CHOICES, lambda snapshot: snapshot.trade_bars),
    "answer": _switch("answer", lambda snapshot: snapshot.answer),
}
