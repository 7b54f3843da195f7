"""`companion demo`: a recorded player performs into the real session; no hardware, no ports, no network.

Here is what the demo plays, and its launcher for the screen. `demo_run` plays it without a screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from companion.runtime.front.launch import Launcher
from companion.runtime.front.performance import LaunchOptions
from companion.runtime.players.tunes import Player, find_player
from companion.session.api.settings import REWRITE_DEFAULT, ClockSettings, ModelSettings, SessionSettings, TrackSettings
from companion.sound.settings import SoundChoice

DEFAULT_BARS = 16


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo plays. bars: 0 = for ever (not headless). bpm: 0 = the player's own. seed: None = real time.

    tracks: how many companion tracks join in, 0 = all that the player's piece has.
    """

    player: str = "melody"
    bars: int = DEFAULT_BARS
    bpm: float = 0.0
    model: ModelSettings = ModelSettings()
    seed: int | None = None
    tracks: int = 0
    out: Path | None = None
    wav: Path | None = None
    sound: SoundChoice = SoundChoice()
    record_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class DemoLauncher(Launcher):
    """A launcher that suggests at the end how to continue: `finish` is called when the screen has closed."""

    def finish(self) -> None:
        """Print what this machine offers next."""
        from companion.runtime.front.next_steps import next_steps_here

        print("\n".join(next_steps_here()))


def demo_settings(options: DemoOptions) -> SessionSettings:
    """The session for a recorded player. Raises UsageError for a player that does not exist."""
    player = find_player(options.player)
    companions = player.companions[: options.tracks or None]
    return SessionSettings(
        tracks=(_player_track(player), *companions),
        clock=ClockSettings(source="external", bpm=options.bpm or player.bpm, time_signature=player.time_signature),
        rewrite=REWRITE_DEFAULT,
        model=options.model if options.seed is None else replace(options.model, seed=options.seed),
    )


def _player_track(player: Player) -> TrackSettings:
    return TrackSettings("you", "human", player.program, player.is_drum, player.channel)


def launch_options(options: DemoOptions) -> LaunchOptions:
    """The demo for a front: what `companion demo` shows on the screen."""
    player = find_player(options.player)
    return LaunchOptions(
        settings=demo_settings(options),
        title=f"demo: {player.title}",
        player=options.player,
        bars=options.bars,
        sound_file=options.wav,
        sound=options.sound,
        record_dir=options.record_dir,
    )
