"""Options of the commands that play, and the settings that they change: model, clock, trading, ports.

Heavy modules are imported only when a command runs, so that help appears at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_json, add_osc, add_record
from companion.cli.options.sound import add_sound, add_sound_file
from companion.errors import CheckpointError, PortError, UsageError
from companion.session.api import limits
from companion.session.api.engine_names import engine_fault
from companion.session.api.limits import ENGINES, MASK_MODES

if TYPE_CHECKING:
    from companion.config.presets import PortChoice
    from companion.session.api.settings import (
        ChordSettings,
        ModelSettings,
        SessionSettings,
        TradingSettings,
        Zone,
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the choices of checkpoint and sampling that every playing command has."""
    group = parser.add_argument_group("model")
    group.add_argument("--checkpoint", metavar="C", help="a checkpoint's name (yellow, ghost, expressive) or file")
    add_engine(group)
    group.add_argument("--mask-mode", choices=MASK_MODES, metavar="M", help="how the player's coming bars are hidden")
    group.add_argument("--model-dim", type=int, metavar="N", help="bars of context (default: the most that is in time)")
    group.add_argument("--temperature", type=float, metavar="T", help="above 1 bolder, below 1 tamer")
    group.add_argument(
        "--top-p", type=float, metavar="P", help="draw from the likeliest tokens with this much probability"
    )
    group.add_argument(
        "--harmony", type=float, metavar="H", help="how strongly parts keep to the chords: 0 not at all, 1 strictly"
    )
    group.add_argument(
        "--takes", type=int, metavar="N", help="write N takes of each part's bar where there is time, and play the best"
    )
    group.add_argument(
        "--variety", type=float, metavar="V", help="how strongly parts leave a note they stay on; 0 = off"
    )


def add_engine(parser: argparse.ArgumentParser | argparse._ArgumentGroup, default: str | None = None) -> None:
    """Add `--engine`, which also takes the address of an engine on another machine."""
    words = (
        f"what runs the model: {', '.join(ENGINES)} (default: the fastest here), or tcp://HOST:PORT on another machine"
    )
    parser.add_argument("--engine", type=_engine_name, metavar="E", default=default, help=words)


def _engine_name(text: str) -> str:
    if fault := engine_fault(text):
        raise argparse.ArgumentTypeError(f"{text!r} {fault}")
    return text


def add_performance_options(parser: argparse.ArgumentParser) -> None:
    """Add what a performance without an end of its own has: no screen, recording, OSC, sound, and a report as JSON."""
    parser.add_argument("--headless", action="store_true", help="no screen: play until Ctrl-C, then say how it went")
    add_record(parser)
    add_osc(parser)
    add_sound(parser)
    add_sound_file(parser, "at the end, write what was played as sound")
    add_json(parser, "--headless")


def add_trading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for taking turns with the companion."""
    parser.add_argument(
        "--trade", type=int, metavar="N", help="you and the companion's solo track take turns of N bars"
    )
    parser.add_argument(
        "--answer", action="store_true", help="the solo track answers when you rest, and yields when you come back"
    )


def add_intro(parser: Any) -> None:
    """Add the option for an intro."""
    parser.add_argument(
        "--intro",
        type=int,
        choices=(2, 4),
        metavar="2|4",
        help="bars of rhythm before the first bar, after the count-in",
    )


def add_chord_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the chords come from."""
    group = parser.add_argument_group("chords")
    group.add_argument(
        "--progression", metavar="CHORDS", help='chords to play over, round and round: "Dm7 | G7 | Cmaj7 | A7alt"'
    )
    group.add_argument("--once", action="store_true", help="play the progression once, then listen")
    group.add_argument(
        "--chord-zone",
        action="append",
        metavar="KEYS",
        help='keys that say which chord is meant, as MIDI numbers: 52 (all below), 36-52 or "36-52 held sounds counts"',
    )


def changed_chords(chords: ChordSettings, args: argparse.Namespace, zones: Sequence[Zone] = ()) -> ChordSettings:
    """Return `chords` with the command line's changes. Raises UsageError, which names the bar and symbol or the zones that overlap."""
    from dataclasses import replace

    if args.progression is not None:
        from companion.session.chords.written import read_progression

        read_progression(args.progression)
        chords = replace(chords, progression=args.progression)
    if args.chord_zone:
        from companion.session.chords.zone import check_zones, read_zone
        from companion.session.input.zone_faults import check_key_zones

        chord_zones = tuple(read_zone(text) for text in args.chord_zone)
        check_zones(chord_zones)
        check_key_zones(zones, chord_zones)
        chords = replace(chords, zones=chord_zones)
    return replace(chords, loop=False) if args.once else chords


def changed_model(model: ModelSettings, args: argparse.Namespace) -> ModelSettings:
    """Return `model` with the command line's changes. Raises UsageError."""
    from dataclasses import replace

    if args.checkpoint is not None:
        check_checkpoint(args.checkpoint)
    for option, value, limit in (
        ("--temperature", args.temperature, limits.TEMPERATURE),
        ("--top-p", args.top_p, limits.TOP_P),
        ("--harmony", args.harmony, limits.HARMONY),
        ("--variety", args.variety, limits.VARIETY),
        ("--takes", args.takes, limits.TAKES),
    ):
        if value is not None and (fault := limit.fault(value)):
            raise UsageError(f"{option} {fault}")
    if args.model_dim is not None and args.model_dim < 1:
        raise UsageError("--model-dim must be at least 1")
    _check_abilities(args.checkpoint or model.checkpoint, args.mask_mode, args.model_dim)
    dials = ("temperature", "top_p", "harmony", "variety")
    sampling = {name: value for name in dials if (value := getattr(args, name)) is not None}
    names = ("checkpoint", "engine", "mask_mode", "model_dim", "takes")
    fields = {name: value for name in names if (value := getattr(args, name)) is not None}
    return replace(model, sampling=replace(model.sampling, **sampling), **fields)


def _check_abilities(checkpoint: str, mask_mode: str | None, model_dim: int | None) -> None:
    """Raise UsageError if a shipped checkpoint cannot do what was asked for. The session checks others once they are loaded."""
    if mask_mode in (None, "auto") and model_dim is None:
        return
    from companion.inference.checkpoints.capabilities import SHIPPED_ENCODERS, encoder_capabilities
    from companion.tokenizer import EncoderConfig

    if checkpoint not in SHIPPED_ENCODERS:
        return
    can = encoder_capabilities(EncoderConfig.load(checkpoint), checkpoint)
    if mask_mode not in (None, "auto", *can.mask_modes):
        raise UsageError(f"--mask-mode {mask_mode}: {checkpoint} cannot do that (it can: {', '.join(can.mask_modes)})")
    if model_dim is not None and model_dim not in can.num_bars_map:
        windows = ", ".join(map(str, can.num_bars_map))
        raise UsageError(f"--model-dim {model_dim}: {checkpoint} has windows of {windows} bars")


def check_checkpoint(name: str) -> None:
    """Check that a checkpoint is available, and download it if the name is one of the hub's.

    Raises UsageError, which lists the available checkpoints.
    """
    from companion.inference.checkpoints.hub import find_checkpoint, shipped_checkpoints

    try:
        find_checkpoint(name)
    except CheckpointError as error:
        shipped = ", ".join(path.stem for path in shipped_checkpoints()) or "none"
        raise UsageError(f"{error} (shipped with the program: {shipped})") from None


def settings_from_args(settings: SessionSettings, args: argparse.Namespace) -> SessionSettings:
    """Return `settings` with the clock and model that the command line names. Raises UsageError."""
    from dataclasses import replace

    clock = settings.clock
    if args.clock is not None:
        clock = replace(clock, source=args.clock)
    if args.bpm is not None:
        clock = replace(clock, bpm=checked_bpm(args.bpm))
    model = changed_model(settings.model, args)
    if args.seed is not None:
        model = replace(model, seed=checked_seed(args.seed))
    trading = changed_trading(settings.trading, args)
    chords = changed_chords(settings.chords, args, settings.zones)
    intro = settings.intro_bars if args.intro is None else args.intro
    return replace(settings, clock=clock, model=model, trading=trading, chords=chords, intro_bars=intro)


def changed_trading(trading: TradingSettings, args: argparse.Namespace) -> TradingSettings:
    """Return `trading` with the command line's changes. Raises UsageError."""
    from dataclasses import replace

    if args.trade is not None:
        if not 1 <= args.trade <= limits.TRADE_BARS.high:
            raise UsageError(f"--trade must be from 1 to {limits.TRADE_BARS.high:g} bars")
        trading = replace(trading, trade_bars=args.trade)
    return replace(trading, answer=True) if args.answer else trading


def checked_bpm(bpm: float) -> float:
    if limits.BPM.fault(bpm):
        raise UsageError(f"--bpm {bpm:g} is out of range ({limits.BPM.low:g} to {limits.BPM.high:g})")
    return bpm


def checked_seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise UsageError("--seed must be a whole number, 0 or more")
    return seed


def checked_ports(preset: PortChoice, args: argparse.Namespace) -> PortChoice:
    """Return the preset's ports, or those named on the command line, which must exist now. Raises UsageError, PortError."""
    from companion.config.presets import PortChoice
    from companion.midi.port_lists import list_ports
    from companion.midi.ports import require_port

    named = [(direction, wanted) for direction, wanted in (("in", args.input), ("out", args.output)) if wanted]
    if any(wanted != "none" for _, wanted in named):
        ports = list_ports()
        if ports.error:
            raise PortError(ports.error)
        for direction, wanted in named:
            if wanted != "none":
                try:
                    require_port(wanted, ports.names(direction), direction)
                except PortError as error:
                    raise UsageError(str(error)) from None
    return PortChoice(
        preset.input if args.input is None else args.input,
        preset.output if args.output is None else args.output,
    )
