"""`companion jam`, `demo`, `replay`, `ports` and `doctor`: their options, and what they start.

Nothing heavy is imported until a command runs, so that help costs nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options import (
    add_command,
    add_json,
    add_midi_ports,
    add_record,
    add_seed,
    add_sound_file,
    has_terminal,
)
from companion.errors import CheckpointError, PortError, UsageError
from companion.session.api import limits
from companion.session.api.limits import ENGINES, MASK_MODES

if TYPE_CHECKING:
    from companion.config.presets import PortChoice
    from companion.runtime.front.launch import Launcher
    from companion.runtime.front.performance import LaunchOptions
    from companion.runtime.recording.recorder import Log
    from companion.session.api.settings import ModelSettings, SessionSettings, TradingSettings

PLAYER_NAMES = ("melody", "waltz", "blues", "drums")


def add_parser(subparsers: Any) -> None:
    """Add all five commands."""
    _add_jam(subparsers)
    _add_demo(subparsers)
    _add_replay(subparsers)
    _add_ports(subparsers)
    _add_doctor(subparsers)


def run(args: argparse.Namespace) -> int | Launcher:
    """Run the one that was asked for; a Launcher is for the screen."""
    commands = {"jam": run_jam, "demo": run_demo, "replay": run_replay, "ports": run_ports, "doctor": run_doctor}
    return commands[args.command](args)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The choices of checkpoint and sampling that every command which plays has."""
    group = parser.add_argument_group("model")
    group.add_argument("--checkpoint", metavar="C", help="a checkpoint's name (yellow, ghost, expressive) or file")
    group.add_argument("--engine", choices=ENGINES, help="what runs the model (default: the fastest here)")
    group.add_argument("--mask-mode", choices=MASK_MODES, metavar="M", help="how the player's coming bars are hidden")
    group.add_argument("--model-dim", type=int, metavar="N", help="bars of context (default: the most that is in time)")
    group.add_argument("--temperature", type=float, metavar="T", help="above 1 bolder, below 1 tamer")
    group.add_argument(
        "--top-p", type=float, metavar="P", help="draw from the likeliest tokens with this much probability"
    )


def add_trading_options(parser: argparse.ArgumentParser) -> None:
    """Taking turns with the companion."""
    parser.add_argument(
        "--trade", type=int, metavar="N", help="you and the companion's solo track take turns of N bars"
    )
    parser.add_argument(
        "--answer", action="store_true", help="the solo track answers when you rest, and yields when you come back"
    )


def changed_model(model: ModelSettings, args: argparse.Namespace) -> ModelSettings:
    """`model` with what the command line says. Raises UsageError."""
    from dataclasses import replace

    if args.checkpoint is not None:
        check_checkpoint(args.checkpoint)
    for option, value, limit in (
        ("--temperature", args.temperature, limits.TEMPERATURE),
        ("--top-p", args.top_p, limits.TOP_P),
    ):
        if value is not None and (fault := limit.fault(value)):
            raise UsageError(f"{option} {fault}")
    if args.model_dim is not None and args.model_dim < 1:
        raise UsageError("--model-dim must be at least 1")
    _check_abilities(args.checkpoint or model.checkpoint, args.mask_mode, args.model_dim)
    sampling = {name: value for name in ("temperature", "top_p") if (value := getattr(args, name)) is not None}
    names = ("checkpoint", "engine", "mask_mode", "model_dim")
    fields = {name: value for name in names if (value := getattr(args, name)) is not None}
    return replace(model, sampling=replace(model.sampling, **sampling), **fields)


def _check_abilities(checkpoint: str, mask_mode: str | None, model_dim: int | None) -> None:
    """Whether a shipped checkpoint can do what was asked for; of others the session says so once they are loaded. UsageError."""
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
    """Whether a checkpoint can be had; UsageError lists what there is. Downloads where the name is one of the hub's."""
    from companion.inference.checkpoints.hub import find_checkpoint, shipped_checkpoints

    try:
        find_checkpoint(name)
    except CheckpointError as error:
        shipped = ", ".join(path.stem for path in shipped_checkpoints()) or "none"
        raise UsageError(f"{error} (shipped with the program: {shipped})") from None


# -- jam ----------------------------------------------------------------------------------------------------------------


def _add_jam(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "jam",
        "play live",
        "Play live: MIDI in, infilled parts out, in time with the clock. Opens the terminal UI, or runs without it.",
        "companion jam --preset trio --in Keystation --out IAC --clock external",
    )
    parser.add_argument("--preset", metavar="P", help="a preset's name or file (default: the last one used)")
    add_midi_ports(parser)
    parser.add_argument("--clock", choices=("external", "internal"), help="whose time")
    parser.add_argument("--bpm", type=float, metavar="B", help="tempo of the internal clock, 10 to 400")
    add_trading_options(parser)
    add_model_options(parser)
    add_seed(parser)
    parser.add_argument("--headless", action="store_true", help="no screen: play until Ctrl-C, then say how it went")
    add_record(parser)
    add_sound_file(parser, "at the end, write what was played as sound")
    add_json(parser, "--headless")


def run_jam(args: argparse.Namespace) -> int | Launcher:
    """Play live."""
    from companion.runtime.front.launch import Launcher

    if args.json and not args.headless:
        raise UsageError("--json needs --headless")
    options = jam_options(args)
    if args.headless:
        from companion.runtime.front.headless import run_headless

        return run_headless(options, as_json=args.json)
    return Launcher(options)


def jam_options(args: argparse.Namespace) -> LaunchOptions:
    """What the command line asks for. Raises UsageError, ConfigError."""
    from companion.config.presets import load_preset, remember_used
    from companion.runtime.front.performance import LaunchOptions

    preset = load_preset(args.preset)
    if args.preset is not None:
        remember_used(preset)
    return LaunchOptions(
        settings=settings_from_args(preset.settings, args),
        ports=checked_ports(preset.ports, args),
        title=preset.title,
        preset=preset,
        record_dir=args.record,
        sound_file=args.wav,
        gain=args.gain,
    )


def settings_from_args(settings: SessionSettings, args: argparse.Namespace) -> SessionSettings:
    """`settings` with the clock and model that the command line names. Raises UsageError."""
    from dataclasses import replace

    clock = settings.clock
    if args.clock is not None:
        clock = replace(clock, source=args.clock)
    if args.bpm is not None:
        clock = replace(clock, bpm=_checked_bpm(args.bpm))
    model = changed_model(settings.model, args)
    if args.seed is not None:
        model = replace(model, seed=checked_seed(args.seed))
    return replace(settings, clock=clock, model=model, trading=changed_trading(settings.trading, args))


def changed_trading(trading: TradingSettings, args: argparse.Namespace) -> TradingSettings:
    """`trading` with what the command line says. Raises UsageError."""
    from dataclasses import replace

    if args.trade is not None:
        if not 1 <= args.trade <= limits.TRADE_BARS.high:
            raise UsageError(f"--trade must be from 1 to {limits.TRADE_BARS.high:g} bars")
        trading = replace(trading, trade_bars=args.trade)
    return replace(trading, answer=True) if args.answer else trading


def _checked_bpm(bpm: float) -> float:
    if limits.BPM.fault(bpm):
        raise UsageError(f"--bpm {bpm:g} is out of range ({limits.BPM.low:g} to {limits.BPM.high:g})")
    return bpm


def checked_seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise UsageError("--seed must be a whole number, 0 or more")
    return seed


def checked_ports(preset: PortChoice, args: argparse.Namespace) -> PortChoice:
    """The preset's ports, or those named on the command line, which must exist now. Raises UsageError, PortError."""
    from companion.config.presets import PortChoice
    from companion.midi.ports import require_port
    from companion.midi.probe import list_ports

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


# -- demo ---------------------------------------------------------------------------------------------------------------


def _add_demo(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "demo",
        "hear and see it without hardware",
        "A recorded player performs into the real session; no hardware, no ports, no network. Without --seed it plays in real "
        "time through the real processes, and no two runs are alike. With --seed and --headless it runs in simulated time, "
        "where the model answers after a fixed time a token: faster than real time, and the same notes every time on the same "
        "machine. With --seed on the screen, the model's choices are seeded, but when they come still depends on the machine.",
        "companion demo --player blues --headless --bars 24 --out blues.mid",
    )
    parser.add_argument("--player", choices=PLAYER_NAMES, default="melody", help="who plays (default: melody)")
    parser.add_argument("--bars", type=int, metavar="N", help="how long (default: 16; on the screen: until you quit)")
    parser.add_argument("--bpm", type=float, metavar="B", help="tempo (default: the piece's own)")
    parser.add_argument(
        "--tracks", type=int, metavar="N", help="how many companion tracks join in (default: all of the piece)"
    )
    add_model_options(parser)
    add_seed(parser, "repeat exactly (see above)")
    parser.add_argument("--headless", action="store_true", help="no screen, a progress line")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.mid", help="with --headless: write what was played (FILE.wav: as sound)"
    )
    add_sound_file(parser, "write what was played as sound")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the recording (log and MIDI file) in this folder"
    )
    add_json(parser, "--headless")


def run_demo(args: argparse.Namespace) -> int | Launcher:
    """The demo, on the screen or without."""
    from companion.runtime.front.headless import ProgressLine, summary_text
    from companion.runtime.front.launch import Launcher
    from companion.runtime.players import demo
    from companion.session.api.settings import ModelSettings

    if not args.headless and (args.json or args.out):
        raise UsageError(f"{'--json' if args.json else '--out'} needs --headless")
    if args.bars is not None and args.bars < 1:
        raise UsageError("--bars must be at least 1")
    if args.tracks is not None and args.tracks < 1:
        raise UsageError("--tracks must be at least 1")
    if args.out is not None and not args.out.parent.is_dir():
        raise UsageError(f"{args.out}: there is no such folder")
    headless = args.headless or not has_terminal()
    options = demo.DemoOptions(
        player=args.player,
        bars=args.bars or (demo.DEFAULT_BARS if headless else 0),
        bpm=0.0 if args.bpm is None else _checked_bpm(args.bpm),
        model=changed_model(ModelSettings(), args),
        seed=None if args.seed is None else checked_seed(args.seed),
        tracks=args.tracks or 0,
        out=args.out,
        wav=args.wav,
        gain=args.gain,
        record_dir=args.record,
    )
    if not headless:
        return Launcher(demo.launch_options(options))
    if not args.headless:
        print("companion: no terminal here, so without the screen (as with --headless)", file=sys.stderr)
    line = ProgressLine(sys.stderr)
    line.write("loading the model …")
    try:
        result = demo.run_demo(options, line.show, line.write)
    finally:
        line.end()
    print(json.dumps(result) if args.json else summary_text(result))
    return 0


# -- replay -------------------------------------------------------------------------------------------------------------


def _add_replay(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "replay",
        "play a recorded performance again, note for note",
        "Feed a performance's log into a new session, check that it sends the same notes, and write them.",
        "companion replay log.jsonl --out again.mid",
    )
    parser.add_argument("log", type=Path, metavar="LOG.jsonl", help="a recording's log, or the folder it is in")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.mid", help="write the performance as a MIDI file (FILE.wav: as sound)"
    )
    parser.add_argument("--take", type=int, metavar="N", help="write only the take of this number")
    add_sound_file(parser, "write the performance as sound")
    add_json(parser)


def run_replay(args: argparse.Namespace) -> int:
    """Replay; status 1 when a note differs."""
    from companion.runtime.front.headless import ProgressLine
    from companion.runtime.front.report import report
    from companion.runtime.recording.recorder import LOG_NAME, read_log
    from companion.runtime.recording.replay import replay, replayed_log
    from companion.runtime.recording.sound_file import sound_of_log
    from companion.runtime.recording.transcript import song_of
    from companion.sound.outputs import write_music

    path = args.log / LOG_NAME if args.log.is_dir() else args.log
    if not path.is_file():
        raise UsageError(f"{args.log}: no recording there (expected a {LOG_NAME}, or the folder of a performance)")
    log = read_log(path)
    replayed = replay(log)
    written = _wanted_take(replayed_log(log, replayed), args.take)
    line = ProgressLine(sys.stderr)
    if args.out is not None:
        write_music(song_of(written), args.out, gain=args.gain)
    if args.wav is not None:
        sound_of_log(written, args.wav, args.gain, line.write)
    line.end()
    if args.json:
        result = {
            "log": str(args.log),
            "same": replayed.same,
            "sends": len(replayed.sent),
            "logged_sends": replayed.logged,
            "first_difference": replayed.first_difference,
            "truncated": log.truncated,
            "out": str(args.out or ""),
            "wav": str(args.wav or ""),
            "performance": report(log),
        }
        print(json.dumps(result))
    elif replayed.same:
        names = " and ".join(str(path) for path in (args.out, args.wav) if path)
        print(f"{len(replayed.sent)} messages, all as recorded" + (f"; written to {names}" if names else ""))
    else:
        print(f"companion: the replay differs: {replayed.first_difference}", file=sys.stderr)
    return 0 if replayed.same else 1


def _wanted_take(log: Log, number: int | None) -> Log:
    """The whole, or one of its takes. Raises UsageError."""
    from companion.runtime.recording.takes import takes_of

    if number is None:
        return log
    takes = takes_of(log)
    if not 1 <= number <= len(takes):
        raise UsageError(f"--take {number}: this performance has {len(takes) or 'no'} takes")
    return takes[number - 1]


# -- ports and doctor ---------------------------------------------------------------------------------------------------


def _add_ports(subparsers: Any) -> None:
    add_json(
        add_command(subparsers, "ports", "list MIDI ports", "List the MIDI ports there are.", "companion ports --json")
    )


def run_ports(args: argparse.Namespace) -> int:
    """List ports."""
    from companion.midi.probe import list_ports

    ports = list_ports()
    if args.json:
        inputs = [{"name": name, "driver": driver} for driver, names in ports.inputs for name in names]
        outputs = [{"name": name, "driver": driver} for driver, names in ports.outputs for name in names]
        print(json.dumps({"inputs": inputs, "outputs": outputs, "error": ports.error}))
        return 0
    if ports.error:
        print(f"companion: {ports.error}", file=sys.stderr)
    for title, names in (("inputs", ports.names("in")), ("outputs", ports.names("out"))):
        print(f"{title}:")
        for name in names or ("(none)",):
            print(f"  {name}")
    return 0


def _add_doctor(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "doctor",
        "what this machine can do, what is wrong, and its mend",
        "Measure this machine with each checkpoint, and say what is wrong and how to mend it.",
        "companion doctor --checkpoint yellow",
    )
    parser.add_argument("--checkpoint", action="append", metavar="C", help="measure this one only (may be repeated)")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="measure this engine")
    add_json(parser)


def run_doctor(args: argparse.Namespace) -> int:
    """Look and measure; status 0 even where something could be better."""
    from companion.runtime.machine.doctor import examine, text_of

    for name in args.checkpoint or ():
        check_checkpoint(name)
    findings = examine(args.checkpoint, args.engine)
    print(json.dumps(findings) if args.json else text_of(findings))
    return 0
