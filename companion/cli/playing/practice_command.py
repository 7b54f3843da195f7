"""`companion practice`: its options, and what they start.

Heavy modules are imported only when the command runs, so that help appears at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_json, add_midi_ports, add_osc, add_record, add_seed
from companion.cli.options.playing import (
    add_intro,
    add_model_options,
    add_trading_options,
    changed_model,
    changed_trading,
    checked_ports,
    checked_seed,
)
from companion.cli.options.sound import add_sound, add_sound_file, sound_choice
from companion.errors import UsageError
from companion.session.api import limits

if TYPE_CHECKING:
    from companion.charts.chart import Chart
    from companion.practice.launch import PracticeLauncher
    from companion.practice.setup import Wishes
    from companion.runtime.front.performance import LaunchOptions
    from companion.session.api.settings import SessionSettings, Song

EXAMPLES = (
    "companion practice SONG.mid --list",
    "companion practice SONG.mid --me melody --fill bass --fill Strings:49 --tempo 80% --loop 9-16 --report out/",
    "companion practice blues --trainer 70:110:+4",
    "companion practice blues --measure --harmony 0.5 --json",
)


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "practice",
        "a song file or chord chart as backing that listens to you",
        "Practise with a MIDI file or a chord chart: it plays, the companion fills in, and your part is listened to.",
        *EXAMPLES,
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SONG.mid|CHART.txt",
        help="a file (MIDI, MusicXML, chart, iReal Pro), a link, or a shipped chart",
    )
    parser.add_argument("--song", metavar="N|TITLE", default="", help="which song of an iReal Pro playlist")
    parser.add_argument(
        "--list", action="store_true", help="show the song's parts (without a song: the shipped charts)"
    )
    parts = parser.add_argument_group("parts")
    parts.add_argument(
        "--me", metavar="TRACK", default="", help="the part you play, by number or name: silent, and judged"
    )
    parts.add_argument("--guide", action="store_true", help="hear your written part all the same")
    parts.add_argument(
        "--fill", action="append", metavar="TRACK|NAME:PROGRAM", help="a part for the companion: replaced, or added"
    )
    parts.add_argument("--keep-fills", action="store_true", help="play the same fills on every pass")
    parts.add_argument(
        "--chords", action="store_true", help="hear a chart's chords (otherwise only the model sees them)"
    )
    course = parser.add_argument_group("how it goes")
    course.add_argument(
        "--tempo", metavar="80%|BPM", default="100%", help="of the written tempo, or quarter notes a minute"
    )
    course.add_argument("--transpose", type=int, default=0, metavar="N", help="semitones up or down")
    course.add_argument("--loop", metavar="9-16", default="", help="bars to repeat")
    course.add_argument(
        "--count-in", type=int, default=1, metavar="N", help="bars of clicks before the start (default: 1)"
    )
    add_intro(course)
    course.add_argument("--click", action="store_true", help="a click on every beat")
    course.add_argument(
        "--trainer", metavar="70:110:+4", default="", help="tempo in percent: from, to, and the step after every pass"
    )
    course.add_argument(
        "--needs",
        metavar="90%",
        default="",
        help="the trainer goes on only after a pass with this share of right notes",
    )
    course.add_argument("--key-step", type=int, default=0, metavar="N", help="semitones up after every pass")
    course.add_argument("--passes", type=int, default=0, metavar="N", help="with --headless: end after so many passes")
    add_trading_options(parser)
    _add_shell_options(parser)
    add_model_options(parser)


def _add_shell_options(parser: argparse.ArgumentParser) -> None:
    add_midi_ports(parser)
    parser.add_argument(
        "--clock", choices=limits.CLOCK_SOURCES, default="internal", help="whose time (default: internal)"
    )
    add_seed(parser)
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write how it went into this folder: numbers and a picture"
    )
    add_record(parser)
    add_osc(parser)
    add_sound(parser)
    add_sound_file(parser, "at the end, write what was played as sound")
    parser.add_argument("--headless", action="store_true", help="no screen: play to the end, or until Ctrl-C")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="fill a chart (without one: all shipped charts) and say how far the fills keep to its chords",
    )
    add_json(parser, "--list, --headless or --measure")


def run(args: argparse.Namespace) -> int | PracticeLauncher:
    """List, measure, play headless, or return what the screen is to show. Raises CompanionError."""
    if args.json and not (args.list or args.headless or args.measure):
        raise UsageError("--json needs --list, --headless or --measure")
    if args.list:
        return _list(args)
    if args.measure:
        return _measure(args)
    options = launch_options(args)
    from companion.practice.launch import PracticeLauncher, run_practice

    if args.headless:
        return run_practice(options, args.report, args.passes, as_json=args.json)
    return PracticeLauncher(options, args.report)


def launch_options(args: argparse.Namespace) -> LaunchOptions:
    """Return what the command line asks for. Raises UsageError, ChartError, MidiFileError."""
    from companion.config.presets import PortChoice
    from companion.runtime.front.performance import LaunchOptions

    settings = settings_from_args(args)
    song = settings.song
    return LaunchOptions(
        settings=settings,
        ports=checked_ports(PortChoice(), args),
        title=song.title if song and song.title else "practice",
        record_dir=args.record,
        sound_file=args.wav,
        sound=sound_choice(args),
        osc=args.osc,
    )


def settings_from_args(args: argparse.Namespace) -> SessionSettings:
    """Return the settings of the session that the command line describes. Raises UsageError, ChartError, MidiFileError."""
    from companion.charts.comping import COMPING_NAME
    from companion.music.text import printable
    from companion.practice.setup import chart_settings, song_settings
    from companion.practice.song_file import load_song
    from companion.practice.sources import chart_song, find_source, is_chart, is_link, link_song
    from companion.session.api.settings import ClockSettings, ModelSettings

    if not 0 <= args.count_in <= 16:
        raise UsageError("--count-in must be from 0 to 16 bars")
    if args.passes < 0:
        raise UsageError("--passes must be 0 (for ever) or more")
    clock = ClockSettings(args.clock, count_in_bars=args.count_in, click=args.click)
    model = changed_model(ModelSettings(), args)
    if args.seed is not None:
        model = replace(model, seed=checked_seed(args.seed))
    if is_link(args.source):
        settings = chart_settings(link_song(args.source, args.song), _wishes(args), clock, model)
    elif is_chart(path := find_source(args.source)):
        settings = chart_settings(chart_song(path, args.song), _wishes(args), clock, model)
    else:
        song_file = load_song(path)
        for remark in song_file.remarks:
            print(f"companion: {path.name}: {printable(remark)}", file=sys.stderr)
        if [track.name for track in song_file.song.score.tracks] == [COMPING_NAME]:  # a lead sheet
            settings = chart_settings(song_file.song, _wishes(args), clock, model)
        else:
            settings = song_settings(song_file, _wishes(args), clock, model)
    return replace(settings, trading=changed_trading(settings.trading, args), intro_bars=args.intro or 0)


def _wishes(args: argparse.Namespace) -> Wishes:
    from companion.practice.setup import Wishes, parse_share

    return Wishes(
        me=args.me,
        fills=tuple(args.fill or ()),
        guide=args.guide,
        tempo=args.tempo,
        transpose=args.transpose,
        loop=args.loop,
        trainer=args.trainer,
        needs=parse_share(args.needs),
        key_step=args.key_step,
        keep_fills=args.keep_fills,
        chords_audible=args.chords,
    )


# -- without playing ----------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> int:
    from companion.practice.sources import chart_song, find_source, is_chart, is_link, link_song

    if args.source is None:
        return _list_charts(args.json)
    if is_link(args.source):
        return _list_chart(link_song(args.source, args.song), args.json)
    path = find_source(args.source)
    if is_chart(path):
        return _list_chart(chart_song(path, args.song), args.json)
    from dataclasses import asdict

    from companion.practice.song_file import describe, load_song

    found = load_song(path)
    if args.json:
        document = {
            "title": found.song.title,
            "bars": found.song.score.bar_count,
            "bpm": found.song.tempo_changes[0][1],
            "sections": found.song.sections,
            "tracks": [asdict(part) for part in found.parts],
            "remarks": found.remarks,
        }
        print(json.dumps(document))
    else:
        print("\n".join(describe(found)))
    return 0


def _list_charts(as_json: bool) -> int:
    from companion.charts.reader import read_chart
    from companion.resources import configs_dir

    charts = [(path, read_chart(path)) for path in sorted((configs_dir() / "charts").glob("*.txt"))]
    if as_json:
        print(json.dumps([{"name": path.stem, "title": each.title, "bars": len(each.bars)} for path, each in charts]))
    for path, chart in charts if not as_json else ():
        print(f"{path.stem:<20} {chart.title}, {len(chart.bars)} bars, {chart.tempo:g} BPM, {chart.feel}")
    return 0


def _list_chart(song: Song, as_json: bool) -> int:
    if as_json:
        document = {"title": song.title, "bars": song.score.bar_count, "bpm": song.tempo_changes[0][1]}
        print(json.dumps({**document, "sections": song.sections, "chords": song.chords}))
        return 0
    print(f"{song.title}: {song.score.bar_count} bars, {song.tempo_changes[0][1]:g} BPM")
    starts = dict(song.sections)
    for bar in range(song.score.bar_count):
        symbols = " ".join(symbol for at, _, symbol in song.chords if at == bar)
        print(f"{starts.get(bar, ''):<10} {bar + 1:>3}  {symbols}")
    return 0


def _measure(args: argparse.Namespace) -> int:
    """Measure one chart, or all shipped ones."""
    from companion.inference.engine import InferenceEngine
    from companion.practice.measure import measure_chart, measure_lines
    from companion.practice.sources import find_source
    from companion.resources import configs_dir

    paths = [find_source(args.source)] if args.source else sorted((configs_dir() / "charts").glob("*.txt"))
    charts = [_measurable(path, args) for path in paths]
    model = charts[0][1].model
    engine = InferenceEngine.from_pretrained(model.checkpoint, model.engine)
    measured = []
    try:
        for chart, settings in charts:
            parts = [track for track in settings.tracks if track.role == "companion"]
            found = measure_chart(engine, chart, parts, sampling=settings.model.sampling, takes=settings.model.takes)
            measured.append({**found, "checkpoint": engine.checkpoint.name})
            if not args.json:
                print("\n".join(measure_lines(measured[-1])))
    finally:
        engine.close()
    if args.json:
        print(json.dumps(measured[0] if args.source else measured))
    return 0


def _measurable(path: Path, args: argparse.Namespace) -> tuple[Chart, SessionSettings]:
    from companion.charts.reader import read_chart
    from companion.practice.sources import is_chart

    if not is_chart(path):
        raise UsageError("--measure needs a chord chart")
    return read_chart(path), settings_from_args(argparse.Namespace(**{**vars(args), "source": str(path)}))
