"""Options of sound: whether and how a performance is heard, and audio files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from companion.errors import UsageError
from companion.sound.settings import MODES, SoundChoice

VARIABLE = "COMPANION_SOUND"  # the default of --sound


def add_sound(parser: argparse.ArgumentParser) -> None:
    """Add `--sound`, `--soundfont`, `--audio` and `--gain`."""
    group = parser.add_argument_group("sound")
    words = "auto: where no MIDI output is named and an audio device exists, until something is connected to our port (default)"
    group.add_argument("--sound", choices=MODES, help=words)
    group.add_argument(
        "--soundfont", default="", metavar="FILE.sf2", help="what FluidSynth plays, where it is installed"
    )
    group.add_argument("--audio", default="", metavar="DEVICE", help="part of an audio device's name (built-in sound)")
    add_gain(group)


def sound_choice(args: argparse.Namespace) -> SoundChoice:
    """Return the sound that the command line asks for, or else the environment. Raises UsageError."""
    mode = args.sound or os.environ.get(VARIABLE) or "auto"
    if mode not in MODES:
        raise UsageError(f"{VARIABLE}={mode}: expected one of {', '.join(MODES)}")
    if args.soundfont and not Path(args.soundfont).expanduser().is_file():
        raise UsageError(f"--soundfont {args.soundfont}: there is no such file")
    return SoundChoice(mode, args.gain, args.soundfont, args.audio)


def add_sound_file(parser: argparse.ArgumentParser, words: str) -> None:
    """Add `--wav`."""
    parser.add_argument("--wav", type=sound_file, metavar="FILE.wav", help=words)


def add_gain(parser: argparse._ActionsContainer) -> None:
    """Add `--gain`, stored as a factor."""
    parser.add_argument("--gain", type=decibels, default=1.0, metavar="DB", help="louder or softer by DB decibels")


def sound_file(text: str) -> Path:
    """Read the name of an audio file to write, in a folder that exists."""
    path = Path(text)
    if path.suffix.lower() != ".wav":
        raise argparse.ArgumentTypeError(f"{text}: audio is written as FILE.wav")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no such folder")
    return path


def decibels(text: str) -> float:
    """Read a gain in decibels, -40 to 20, as a factor."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -40 <= value <= 20:
        raise argparse.ArgumentTypeError(f"{text}: expected decibels from -40 to 20")
    return 10 ** (value / 20)
