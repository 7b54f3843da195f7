"""The options of each picker, from the newest snapshot and from the results of workers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from companion.music import TimeSignature
from companion.music.instruments import GM_PROGRAMS
from companion.session.api.control_names import control_words
from companion.session.api.dials import DIALS, OF_THE_BAND
from companion.session.api.settings import SHARED_CLOCKS
from companion.session.api.snapshot import LaneView, Snapshot
from companion.tui.keys import KEYS, LEARNABLE
from companion.tui.pickers.choices import Choice, Section
from companion.tui.wording import action_words, port_label

DRUMS = -1  # in place of a program
TAKES = (1, 2, 4)
COMMON_METERS = tuple(TimeSignature(*pair) for pair in ((4, 4), (3, 4), (2, 4), (6, 8), (12, 8), (5, 4), (7, 8)))

MASK_WORDS = {
    "token": "a MaskBar token stands for the bar",
    "attention": "no note looks at the bar",
    "attention_approx": "the same here, under midigpt's name",
    "attention_skip": "the same here, under midigpt's name",
    "remove": "the bar looks empty",
}


@dataclass(frozen=True, slots=True)
class PortNames:
    """The ports this machine has; `problem` says why there are none."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class InstalledCheckpoint:
    """A checkpoint that can be chosen, with its capabilities."""

    name: str
    num_bars_map: tuple[int, ...] = ()
    mask_modes: tuple[str, ...] = ()
    parameters: int = 0


def port_sections(snapshot: Snapshot | None, ports: PortNames | None) -> list[Section]:
    """Inputs and outputs. Ports in use are marked, even if they have vanished."""
    if ports is None:
        return [Section("looking", "looking for ports…", (), "")]
    in_use = dict(snapshot.ports) if snapshot else {}
    sections = []
    for direction, heading, names in (("in", "input", ports.inputs), ("out", "output", ports.outputs)):
        used = {port_label(key): up for key, up in in_use.items() if key.startswith(f"{direction}:")}
        gone = [name for name in used if name not in names]
        choices = [Choice(name, name, name in used, "" if used.get(name, True) else "lost") for name in [*names, *gone]]
        sections.append(
            Section(direction, f"MIDI {heading}", tuple(choices), ports.problem or f"no MIDI {heading} found")
        )
    return sections


def model_sections(snapshot: Snapshot | None, installed: Sequence[InstalledCheckpoint] | None) -> list[Section]:
    """Checkpoints, the windows and mask modes that the loaded one has, and how many takes of a bar to choose from."""
    info = snapshot.checkpoint if snapshot else None
    loaded = info.name if info else ""
    known = list(installed or ())
    if loaded and all(found.name != loaded for found in known):
        known.insert(0, InstalledCheckpoint(loaded))
    checkpoints = [Choice(found.name, found.name, found.name == loaded, _capabilities(found)) for found in known]
    looking = "looking for checkpoints…" if installed is None else "none installed: companion checkpoints pull yellow"
    heading = "checkpoint" if installed is not None or not known else "checkpoint (looking for others…)"
    sections = [Section("checkpoint", heading, tuple(checkpoints), looking)]
    if snapshot is None or info is None:
        return [*sections, Section("waiting", "window and mask mode: once the checkpoint is loaded", (), "")]
    chosen, used = snapshot.model, snapshot.generation
    smaller = [dim for dim in info.num_bars_map if dim <= chosen.model_dim]
    fixed_dim = max(smaller, default=min(info.num_bars_map, default=0)) if chosen.model_dim else 0
    fixed_mode = chosen.mask_mode if chosen.mask_mode in info.mask_modes else "auto"
    windows = [Choice("auto", 0, not fixed_dim, f"now {used.model_dim} bars" if used.model_dim else "the most in time")]
    windows += [Choice(f"{dim} bars", dim, fixed_dim == dim) for dim in info.num_bars_map]
    modes = [Choice("auto", "auto", fixed_mode == "auto", f"now {info.mask_modes[0]}" if info.mask_modes else "")]
    modes += [Choice(mode, mode, fixed_mode == mode, MASK_WORDS.get(mode, "")) for mode in info.mask_modes]
    return [
        *sections,
        Section("model_dim", "window (model_dim), at most", tuple(windows)),
        Section("mask_mode", "mask mode: how the bars you have not played are hidden", tuple(modes)),
        Section("takes", "takes of a bar to choose from, where there is time", _takes(chosen.takes)),
    ]


def _takes(chosen: int) -> tuple[Choice, ...]:
    numbers = sorted({*TAKES, chosen})
    return tuple(Choice("off" if takes == 1 else str(takes), takes, takes == chosen) for takes in numbers)


def _capabilities(found: InstalledCheckpoint) -> str:
    parts = [f"{found.parameters / 1e6:.3g} M parameters"] if found.parameters else []
    if found.num_bars_map:
        parts.append(f"{', '.join(map(str, found.num_bars_map))} bars")
    return " · ".join(parts)


def instrument_sections(snapshot: Snapshot | None, lane: int | None) -> list[Section]:
    """All General MIDI programs; drums too when a new part is made (lane None)."""
    current = None
    if snapshot is not None and lane is not None and lane < len(snapshot.lanes):
        current = snapshot.lanes[lane].program
    programs = [Choice(f"{number + 1:>3} {name}", number, number == current) for number, name in enumerate(GM_PROGRAMS)]
    if lane is None:
        programs.insert(0, Choice("    Drums", DRUMS))
    return [Section("program", "instrument", tuple(programs))]


def meter_sections(snapshot: Snapshot | None) -> list[Section]:
    """The meters of the loaded checkpoint, common ones first."""
    known = snapshot.checkpoint.time_signatures if snapshot and snapshot.checkpoint else COMMON_METERS
    current = snapshot.transport.time_signature if snapshot else None
    ordered = [meter for meter in COMMON_METERS if meter in known] + sorted(set(known) - set(COMMON_METERS))
    return [Section("meter", "time signature", tuple(Choice(str(meter), meter, meter == current) for meter in ordered))]


def learn_sections(snapshot: Snapshot | None, lane: LaneView | None, attributes: Sequence[str]) -> list[Section]:
    """Actions for a switch, dials for a knob, and what has been learned. lane, attributes: the chosen part, its model's controls."""
    actions = Section("action", "what shall the switch do?", tuple(Choice(text, name) for name, text in LEARNABLE))
    if snapshot is None:
        return [actions]
    dials = [Choice(DIALS[name].title, (name, None)) for name in OF_THE_BAND]
    if lane is not None:
        mix = ("volume", "pan")
        dials += [Choice(f"{lane.name}: {DIALS[name].title}", (name, lane.index)) for name in (*mix, *attributes)]
    bound = [(control, action_words(action)) for control, action in snapshot.learned.items()]
    for view in snapshot.knobs:
        words = DIALS[view.knob.dial].title
        bound.append(
            (view.knob.control, words if view.knob.track is None else f"{words} of part {view.knob.track + 1}")
        )
    learned = [Choice(f"{control_words(control)}: {words}", control) for control, words in bound]
    return [
        actions,
        Section("dial", "which dial shall the knob turn?", tuple(dials)),
        Section("forget", "learned so far: choose one to forget it", tuple(learned), "nothing"),
    ]


def clock_sections(snapshot: Snapshot | None) -> list[Section]:
    """The clocks that can be followed, and our own."""
    choices = tuple(
        Choice(text, source, snapshot is not None and source == snapshot.transport.source, note)
        for source, text, note in (
            ("external", "MIDI clock", "a DAW or drum machine decides"),
            ("internal", "our own clock", "sent to the output as MIDI clock"),
            ("link", SHARED_CLOCKS["link"], "tempo and beat shared on the network"),
            ("jack", SHARED_CLOCKS["jack"], "position and start shared by JACK's programs"),
        )
    )
    return [Section("clock", "whose time?", choices)]


def call_sections() -> list[Section]:
    """All calls to the band."""
    calls = [key for key in KEYS if key.group == "Calls" and key.action.startswith("wish")]
    choices = tuple(
        Choice(key.help, key.action.removeprefix("wish('").removesuffix("')"), False, key.shown) for key in calls
    )
    return [Section("call", "what shall the band do?", choices)]


def snapshot_sections(snapshot: Snapshot | None) -> list[Section]:
    """What was stored, by name."""
    stored = snapshot.stored if snapshot else ()
    newest = snapshot.newest_stored if snapshot else ""
    choices = tuple(Choice(name, name, name == newest) for name in stored)
    return [Section("snapshot", "snapshot", choices, "nothing is stored yet: J stores what is set now")]


def free_number(stored: Sequence[str]) -> str:
    """The first number that is not yet a name."""
    return next(str(number) for number in range(1, len(stored) + 2) if str(number) not in stored)


def preset_sections(presets: Sequence[tuple[str, str]] | None, current: str) -> list[Section]:
    """Presets by name with their titles."""
    if presets is None:
        return [Section("looking", "looking for presets…", (), "")]
    return [Section("preset", "preset", tuple(Choice(name, name, name == current, title) for name, title in presets))]
