"""Chooses the player: the requested one, or the best one available."""

from __future__ import annotations

from companion.errors import SoundError
from companion.sound.players.device import NULL, DevicePlayer
from companion.sound.players.fluidsynth import FluidPlayer
from companion.sound.players.player import Player
from companion.sound.players.soundfonts import find_soundfont
from companion.sound.settings import SoundChoice


def make_player(choice: SoundChoice) -> Player:
    """Return FluidSynth if it is available or was requested, else our own player.

    Raises SoundError only if FluidSynth was requested.
    """
    if choice.mode == "fluidsynth" or (choice.mode in ("auto", "on") and not choice.device):
        try:
            return FluidPlayer(find_soundfont(choice.soundfont), choice.gain)
        except SoundError:
            if choice.mode == "fluidsynth" or choice.soundfont:
                raise
    return DevicePlayer(choice.device, gain=choice.gain)


def null_player() -> DevicePlayer:
    """Return our own player on a device that discards everything."""
    return DevicePlayer(NULL)
