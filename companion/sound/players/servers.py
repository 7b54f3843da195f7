"""Finds running sound servers by the files that they keep, because asking their client libraries would write needless files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LINUX = sys.platform.startswith("linux")


def has_pulse() -> bool:
    """Whether a PulseAudio server, or PipeWire in its place, can be reached."""
    if os.environ.get("PULSE_SERVER"):
        return True
    runtime = os.environ.get("PULSE_RUNTIME_PATH")
    folder = Path(runtime) if runtime else Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{_user()}") / "pulse"
    return (folder / "native").exists()


def has_sound_card() -> bool:
    """Whether the kernel offers a playback device. On systems other than Linux the answer is always yes."""
    return not _LINUX or any(Path("/dev/snd").glob("pcm*p"))


def may_sound() -> bool:
    """Whether a playback device seems to exist. Only opening it would tell for certain."""
    return has_pulse() or has_sound_card()


def fluidsynth_driver() -> str | None:
    """Return the driver to ask FluidSynth for: "" = its own choice, None = there is no device."""
    if not _LINUX:
        return ""
    if has_pulse():
        return "pulseaudio"
    return "alsa" if has_sound_card() else None


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
