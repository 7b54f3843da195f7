"""`companion bench`: the measurements behind every claim of speed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import UsageError
from companion.sound.settings import MODES, SoundChoice

if TYPE_CHECKING:
    from companion.bench.engines.measure import Row
    from companion.inference.checkpoints.files import Checkpoint

EXAMPLES = """\
examples:
  companion bench                                          the automatic engine on the shipped yellow checkpoint
  companion bench --checkpoint random:512x6x8 --against midigpt,transformers --contended
  companion bench --engine onnx:mixed-kv8,onnx:q8-kv8 --quality --data ~/midi
  companion bench --realtime --tempo 120 --bars 200
  companion bench --remote 5,20,50 --checkpoint yellow_mini --tempo 120 --bars 100
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the engines and the real-time path",
        description="Measure engines on one-bar infills, alternating, on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--engine",
        default="auto",
        help="auto, reference, native, native:KERNELS, onnx, onnx:SCHEME, cuda; several with commas",
    )
    add("--checkpoint", default="yellow", help="names, paths, or random:WIDTHxLAYERSxHEADS; several with commas")
    add("--window", default="8", metavar="BARS", help="window lengths in bars, several with commas (8)")
    add("--tracks", default="4", help="numbers of tracks, several with commas (4)")
    add("--rounds", type=int, default=12, help="bars per engine (12)")
    add(
        "--against",
        default="",
        metavar="PEERS",
        help="midigpt, transformers (midigpt:1 with one thread): run these too and give ratios",
    )
    add("--contended", action="store_true", help="keep one core busy meanwhile")
    add("--quality", action="store_true", help="compare next-token distributions with exact weights")
    add("--data", type=Path, metavar="FOLDER", help="MIDI files for --quality (default: made music)")
    add("--prompts", type=int, default=16, help="prompts for --quality (16)")
    add("--recognition", action="store_true", help="how long naming the chords of a bar takes")
    add(
        "--remote",
        metavar="MS",
        help="play in time with an engine behind a network with so many ms of delay each way; several with commas",
    )
    add("--loss", type=float, default=1.0, metavar="PERCENT", help="with --remote: packets lost (1)")
    add("--realtime", action="store_true", help="play in time with everything running and report the share in time")
    add(
        "--sound",
        choices=MODES,
        nargs="?",
        const="on",
        help="the built-in synthesizer alone; with --realtime: beside it",
    )
    add("--audio", default="", metavar="DEVICE", help="with --realtime --sound: the audio device (null: none)")
    add("--bars", type=int, default=200, help="bars for --realtime (200)")
    add(
        "--headless", action="store_true", help="with --realtime: without the terminal UI (default: it draws meanwhile)"
    )
    add("--tempo", type=float, default=120.0, help="beats a minute for --realtime (120)")
    add("--json", action="store_true", help="a list of objects on standard output")
    add("--plot", type=Path, metavar="FILE.png", help="draw the rows")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.rounds < 1 or args.prompts < 1 or args.bars < 1:
        raise UsageError("--rounds, --prompts and --bars must be at least 1")
    if args.remote is not None:
        return _run_remote(args)
    if args.realtime:
        from companion.bench.live.realtime import measure_realtime, realtime_text

        sound = SoundChoice(args.sound or "off", device=args.audio)
        report = measure_realtime(args.checkpoint, args.engine, args.bars, args.tempo, not args.headless, sound)
        print(json.dumps([report]) if args.json else realtime_text(report))
        return 0
    if args.recognition:
        from companion.bench.live.recognition import measure_recognition, recognition_text

        named = measure_recognition()
        print(json.dumps([named]) if args.json else recognition_text(named))
        return 0
    if args.sound:
        from companion.bench.live.sound import measure_sound, sound_text

        measured = measure_sound()
        print(json.dumps([measured]) if args.json else sound_text(measured))
        return 0
    from companion.bench.machine import describe_machine
    from companion.bench.report import plot, table

    if not args.json:
        print(describe_machine(), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="companion-bench-") as folder:
        rows = [row for name in _words(args.checkpoint) for row in _measure_checkpoint(name, args, Path(folder))]
    if args.plot:
        plot(rows, args.plot)
    print(json.dumps([row.to_dict() for row in rows]) if args.json else table(rows))
    return 0


def _run_remote(args: argparse.Namespace) -> int:
    from companion.bench.live.remote import measure_remote, remote_text

    if not 0 <= args.loss <= 50:
        raise UsageError("--loss must be from 0 to 50 percent")
    reports = []
    for delay_ms in _numbers(args.remote, "--remote"):
        found = measure_remote(args.checkpoint, delay_ms, args.loss / 100, args.bars, args.tempo)
        reports.append(found)
        if not args.json:
            print(remote_text(found), flush=True)
    if args.json:
        print(json.dumps(reports))
    return 0


def _measure_checkpoint(name: str, args: argparse.Namespace, folder: Path) -> list[Row]:
    from companion.bench.engines.material import find_checkpoint
    from companion.bench.engines.measure import measure, resident_memory
    from companion.bench.engines.runners import make_peer, make_runner
    from companion.tokenizer import Tokenizer

    checkpoint = find_checkpoint(name, folder)
    tokenizer = Tokenizer(checkpoint.encoder_config)
    ours = [make_runner(engine, checkpoint, tokenizer) for engine in _words(args.engine)]
    peers = [make_peer(peer, checkpoint, tokenizer) for peer in _words(args.against)]
    quality = _quality(ours, checkpoint, tokenizer, args) if args.quality else {}
    rows = []
    for bars in _numbers(args.window, "--window"):
        for tracks in _numbers(args.tracks, "--tracks"):
            measured = measure(ours, peers, checkpoint, bars, tracks, args.rounds, args.contended)
            for row in measured[: len(ours)]:
                row.rss_mb = resident_memory(row.engine, checkpoint, bars, tracks)
                row.quality = quality.get(row.engine)
            rows += measured
    return rows


def _quality(
    ours: list, checkpoint: Checkpoint, tokenizer: Any, args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    from companion.bench.engines.material import make_score, midi_files, one_bar_request, windows_from_files
    from companion.bench.engines.quality import compare
    from companion.inference.backends.onnx.backend import OnnxBackend

    bars, tracks = _numbers(args.window, "--window")[0], _numbers(args.tracks, "--tracks")[0]
    if args.data:
        files = midi_files(args.data, 4 * args.prompts)
        scores = list(windows_from_files(files, bars, tracks))[: args.prompts]
    else:
        scores = [make_score(bars, tracks, seed) for seed in range(args.prompts)]
    if not scores:
        raise UsageError(f"no window of {bars} bars in those files")
    # The float graph equals the reference engine to rounding (tests/inference/backends) and takes a third of its time.
    exact = OnnxBackend.from_checkpoint(checkpoint, quantization="fp32")
    requests = [one_bar_request(score) for score in scores]
    return compare({runner.name: runner.backend for runner in ours}, exact, tokenizer, requests)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _numbers(text: str, option: str) -> list[int]:
    try:
        numbers = [int(word) for word in _words(text)]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise UsageError(f"{option} takes whole numbers above 0, several with commas; got {text!r}")
    return numbers
