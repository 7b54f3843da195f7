"""How a performance is to sound: plain values that every process can afford to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["auto", "on", "off", "fluidsynth", "builtin"]
MODES: tuple[Mode, ...] = ("auto", "on", "off", "fluidsynth", "builtin")


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """auto: where no MIDI output was named and an audio device exists; silent while something is connected to our port.

    on: always, with the best synthesizer there is; fluidsynth, builtin: always, with this one. soundfont: "" = the usual places.
    device: part of an audio device's name, "" = the system's choice, "null" = one that swallows everything. gain: a factor.
    """

    mode: Mode = "off"
    gain: float = 1.0
    soundfont: str = ""
    device: str = ""

    def wanted(self, named_output: str) -> bool:
        """Whether there is to be sound, given the MIDI output that was named ("" = none was)."""
        return self.mode != "off" and (self.mode != "auto" or not named_output)
