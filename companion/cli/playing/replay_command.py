"""`companion replay`: play a recorded performance again and compare it note for note."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_json
from companion.cli.options.sound import add_gain, add_sound_file
from companion.errors import UsageError

if TYPE_CHECKING:
    from companion.runtime.recording.recorder import Log


def add_parser(subparsers: Any) -> None:
    """Add the command."""
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
    add_gain(parser)
    add_sound_file(parser, "write the performance as sound")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Replay. The exit status is 1 if a note differs."""
    from companion.runtime.front.headless import ProgressLine
    from companion.runtime.front.report import report
    from companion.runtime.recording.folder import LOG_NAME
    from companion.runtime.recording.music.sound_file import sound_of_log
    from companion.runtime.recording.music.transcript import song_of
    from companion.runtime.recording.recorder import read_log
    from companion.runtime.recording.replay import replay, replayed_log
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
    """Return the whole recording, or one of its takes. Raises UsageError."""
    from companion.runtime.recording.music.takes import takes_of

    if number is None:
        return log
    takes = takes_of(log)
    if not 1 <= number <= len(takes):
        raise UsageError(f"--take {number}: this performance has {len(takes) or 'no'} takes")
    return takes[number - 1]
