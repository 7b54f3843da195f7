"""How a performance is to sound: plain values without heavy imports, for every process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["auto", "on", "off", "fluidsynth", "builtin"]
MODES: tuple[Mode, ...] = ("auto", "on", "off", "fluidsynth", "builtin")


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """Whether and how a performance sounds.

    mode "auto": sound if no MIDI output was named and an audio device exists, but silence while something is connected to our port.
    mode "on": always, with the best synthesizer available. "fluidsynth", "builtin": always, with this synthesizer.
    soundfont: "" = the usual places. gain: a factor.
    device: part of an audio device's name, "" = the system's choice, "null" = a device that discards everything.
    """

    mode: Mode = "off"
    gain: float = 1.0
    soundfont: str = ""
    device: str = ""

    def wanted(self, named_output: str) -> bool:
        """Whether there is to be sound, given the named MIDI output ("" = none)."""
        return self.mode != "off" and (self.mode != "auto" or not named_output)
