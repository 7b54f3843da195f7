"""What the command palette can find: the keys of the table, and commands with their arguments filled in. Pure.

`SOURCES` is the table to extend: each of its functions returns the actions that make sense for what is on screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from companion.music.instruments import GM_PROGRAMS
from companion.session.api.commands import Command, command, command_of_action
from companion.session.api.snapshot import Snapshot
from companion.tui.keys import KEYS, LEARNABLE, Key
from companion.tui.pickers.offers import InstalledCheckpoint, meter_sections

FINDER_ACTION = "find"  # the palette does not offer to open itself
# Learnable actions whose keys have other names.
_KEY_OF = {"loop_here": "wish('loop')", "solo_for_me": "wish('call_solo')", "fill:now": "wish('call_fill_now')"}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. keys: its keys as printed, "" if it has none.

    action: an action of the main screen, as in the key table. wishes: commands to the performance. preset: a preset to load.
    fault: why it cannot be done as it was typed.
    """

    name: str
    keys: str = ""
    action: str = ""
    wishes: tuple[Command, ...] = ()
    preset: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when the palette searches."""

    snapshot: Snapshot | None = None
    checkpoints: tuple[InstalledCheckpoint, ...] = ()
    presets: tuple[str, ...] = ()


def key_actions(known: Known) -> Iterator[Action]:
    """Every key of the table. Keys that do the same are one action."""
    grouped: dict[str, list[Key]] = {}
    for key in KEYS:
        if key.action != FINDER_ACTION:
            grouped.setdefault(key.action, []).append(key)
    for action, keys in grouped.items():
        yield Action(keys[0].help, " or ".join(key.shown for key in keys), action)


def learnable_actions(known: Known) -> Iterator[Action]:
    """The actions of foot switches that no key has."""
    of_keys = {key.action for key in KEYS}
    for name, words in LEARNABLE:
        keys = {f"wish('{name}')", f"wish('call_{name}')", _KEY_OF.get(name, "")}
        if not keys & of_keys:
            yield Action(words, wishes=(command_of_action(name),))


def teaching_actions(known: Known) -> Iterator[Action]:
    """Teach a switch any of the learnable actions."""
    for name, words in LEARNABLE:
        yield Action(f"learn a switch for: {words}", wishes=(command("learn", action=name),))


def part_actions(known: Known) -> Iterator[Action]:
    """Mute, solo, remove, and, with a song, who plays a part."""
    snapshot = known.snapshot
    for lane in snapshot.lanes if snapshot else ():
        mute, solo = ("unmute" if lane.muted else "mute"), ("end the solo of" if lane.solo else "solo")
        yield Action(f"{mute} {lane.name}", wishes=(command("mute", track=lane.index, on=not lane.muted),))
        yield Action(f"{solo} {lane.name}", wishes=(command("solo", track=lane.index, on=not lane.solo),))
        if lane.role == "companion":
            yield Action(f"remove {lane.name}", wishes=(command("remove_track", track=lane.index),))
        if snapshot is not None and snapshot.practice is not None:
            for role, words in (("human", "mine"), ("companion", "the companion's"), ("backing", "as written")):
                if role != lane.role:
                    wish = command("set_role", track=lane.index, role=role)
                    yield Action(f"make {lane.name} {words}", wishes=(wish,))


def instrument_actions(known: Known) -> Iterator[Action]:
    """The instrument of each melodic part of ours."""
    for lane in known.snapshot.lanes if known.snapshot else ():
        for program, name in enumerate(GM_PROGRAMS):
            if not lane.is_drum and lane.role != "human" and program != lane.program:
                wish = command("set_program", track=lane.index, program=program)
                yield Action(f"instrument of {lane.name}: {name}", wishes=(wish,))


def model_actions(known: Known) -> Iterator[Action]:
    """Checkpoints, windows and mask modes that can be chosen now."""
    for found in known.checkpoints:
        yield Action(f"checkpoint {found.name}", wishes=(command("set_model", checkpoint=found.name),))
    info = known.snapshot.checkpoint if known.snapshot else None
    for bars in (0, *info.num_bars_map) if info else ():
        words = f"{bars} bars" if bars else "auto"
        yield Action(f"window (model_dim) {words}", wishes=(command("set_model", model_dim=bars),))
    for mode in ("auto", *info.mask_modes) if info else ():
        yield Action(f"mask mode {mode}", wishes=(command("set_model", mask_mode=mode),))


def meter_actions(known: Known) -> Iterator[Action]:
    """Time signatures that the loaded checkpoint knows."""
    for choice in meter_sections(known.snapshot)[0].choices:
        meter = choice.value
        wish = command("set_time_signature", numerator=meter.numerator, denominator=meter.denominator)
        yield Action(f"time signature {meter}", wishes=(wish,))


def snapshot_actions(known: Known) -> Iterator[Action]:
    """Snapshots to recall or to forget, by name."""
    for name in known.snapshot.stored if known.snapshot else ():
        yield Action(f"recall snapshot {name}", wishes=(command("recall_snapshot", name=name),))
        yield Action(f"forget snapshot {name}", wishes=(command("remove_snapshot", name=name),))


def preset_actions(known: Known) -> Iterator[Action]:
    """Presets to load."""
    for name in known.presets:
        yield Action(f"load preset {name}", preset=name)


Source = Callable[[Known], Iterator[Action]]
# What is listed before anything is typed, in this order.
LISTED: tuple[Source, ...] = (key_actions, part_actions, snapshot_actions, learnable_actions)
SOURCES: tuple[Source, ...] = (
    *LISTED,
    model_actions,
    meter_actions,
    preset_actions,
    teaching_actions,
    instrument_actions,
)


def listed(known: Known) -> list[Action]:
    """What the palette shows before anything is typed."""
    return [action for source in LISTED for action in source(known)]


def findable(known: Known) -> list[Action]:
    """Everything that has a name."""
    return [action for source in SOURCES for action in source(known)]
