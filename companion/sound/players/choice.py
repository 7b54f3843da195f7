"""Which player is used: what was asked for, or the best there is."""

from __future__ import annotations

from companion.errors import SoundError
from companion.sound.players.device import NULL, DevicePlayer
from companion.sound.players.fluidsynth import FluidPlayer
from companion.sound.players.player import Player
from companion.sound.players.soundfonts import find_soundfont
from companion.sound.settings import SoundChoice


def make_player(choice: SoundChoice) -> Player:
    """FluidSynth where it can be had or was asked for, else our own. Raises SoundError only where FluidSynth was asked for."""
    if choice.mode == "fluidsynth" or (choice.mode in ("auto", "on") and not choice.device):
        try:
            return FluidPlayer(find_soundfont(choice.soundfont), choice.gain)
        except SoundError:
            if choice.mode == "fluidsynth" or choice.soundfont:
                raise
    return DevicePlayer(choice.device, gain=choice.gain)


def null_player() -> DevicePlayer:
    """Our own on a device that swallows everything."""
    return DevicePlayer(NULL)
