"""Which sound servers run here, told from the files that they keep: asking their client libraries would write files for nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LINUX = sys.platform.startswith("linux")


def has_pulse() -> bool:
    """Whether a PulseAudio server (or PipeWire in its place) can be reached."""
    if os.environ.get("PULSE_SERVER"):
        return True
    runtime = os.environ.get("PULSE_RUNTIME_PATH")
    folder = Path(runtime) if runtime else Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{_user()}") / "pulse"
    return (folder / "native").exists()


def has_sound_card() -> bool:
    """Whether the kernel offers a playback device; on other systems the answer is always yes."""
    return not _LINUX or any(Path("/dev/snd").glob("pcm*p"))


def may_sound() -> bool:
    """Whether there seems to be something to play on; only opening it would tell for certain."""
    return has_pulse() or has_sound_card()


def fluidsynth_driver() -> str | None:
    """The driver to ask FluidSynth for: "" = its own choice, None = there is nothing to play on."""
    if not _LINUX:
        return ""
    if has_pulse():
        return "pulseaudio"
    return "alsa" if has_sound_card() else None


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
