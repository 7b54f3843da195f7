"""Finds soundfonts: the requested file, else one in the usual places of common systems."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from companion.errors import SoundError

VARIABLE = "COMPANION_SOUNDFONT"
# The names that distributions link to their choice come first, then larger sets before smaller ones.
_NAMES = (
    "default-GM.sf3",
    "default-GM.sf2",
    "default.sf2",
    "FluidR3_GM.sf2",
    "GeneralUser*.sf2",
    "FluidR3*.sf?",
    "*.sf2",
    "*.sf3",
)


def usual_places() -> list[Path]:
    """Return the folders of Debian, Fedora, Arch, Homebrew and Windows, and the user's own, whether they exist or not."""
    home = Path.home()
    if sys.platform == "win32":
        roots = [os.environ.get("PROGRAMDATA", r"C:\ProgramData"), os.environ.get("PROGRAMFILES", r"C:\Program Files")]
        return [Path(root) / folder for root in roots for folder in ("soundfonts", "SoundFonts", "FluidSynth")]
    places = [home / ".local/share/soundfonts", home / ".local/share/sounds/sf2"]
    if sys.platform == "darwin":
        places += [home / "Library/Audio/Sounds/Banks", Path("/Library/Audio/Sounds/Banks")]
        places += [
            Path(root) / "share" / name
            for root in ("/opt/homebrew", "/usr/local")
            for name in ("soundfonts", "fluid-synth/sf2")
        ]
    return [
        *places,
        Path("/usr/share/sounds/sf2"),
        Path("/usr/share/sounds/sf3"),
        Path("/usr/share/soundfonts"),
        Path("/usr/local/share/soundfonts"),
    ]


def find_soundfont(wanted: str = "", places: Iterable[Path] | None = None) -> Path:
    """Return the requested file, else the first one found in the usual places. Raises SoundError."""
    wanted = wanted or os.environ.get(VARIABLE, "")
    if wanted:
        path = Path(wanted).expanduser()
        if not path.is_file():
            raise SoundError(f"{wanted}: there is no such soundfont")
        return path
    folders = [folder for folder in (usual_places() if places is None else places) if folder.is_dir()]
    for pattern in _NAMES:
        for folder in folders:
            for path in sorted(folder.glob(pattern)):
                if path.is_file():
                    return path
    raise SoundError("no soundfont was found (name one with --soundfont FILE.sf2)")
