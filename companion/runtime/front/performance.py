"""What a front (terminal UI or headless runner) may do with a running performance.

The music runs in other processes; a front only watches and wishes. Nothing here blocks unless its docstring says so, and
a front that stalls or dies costs the music nothing. `companion.runtime.front.launch.Launcher` starts the real thing; the demo
is the same thing with a recorded player in place of the ports, so that a front can be tried anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from companion.midi.port_choice import PortChoice
from companion.runtime.ipc.protocol import PresentSettings
from companion.session.api.effects import FrontEffect
from companion.session.api.events import Command
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.sound.settings import SoundChoice

if TYPE_CHECKING:
    from companion.config.presets import Preset

HasHappened = FrontEffect | PresentSettings


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What to perform. preset: what `settings` came from, for saving it again.

    player: "" for real ports, else a recorded player of `companion.runtime.players.tunes`; `bars` then ends the
    performance by itself (0 = go on for ever). record_dir: where this performance's folder is made; None = the user's own data
    folder. sound_file: an audio file to render when it is over, at the gain of `sound`.
    osc: PORT or HOST:PORT of the OSC server, "" = none.
    """

    settings: SessionSettings
    ports: PortChoice = PortChoice()
    title: str = ""
    preset: Preset | None = None
    player: str = ""
    bars: int = 0
    record_dir: Path | None = None
    keep_recording: bool = True
    sound_file: Path | None = None
    sound: SoundChoice = SoundChoice()
    osc: str = ""


@dataclass(frozen=True, slots=True)
class PortList:
    """Names of the ports that exist now; `error` says why there are none, if that is known."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    error: str = ""


class Performance(Protocol):
    """A performance under way, seen from the front. All methods are safe from any one thread at a time."""

    @property
    def options(self) -> LaunchOptions:
        """What was asked for."""
        ...

    def send(self, command: Command) -> None:
        """Send a command. Never blocks and never fails; a command to a dead performance is dropped."""
        ...

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, about 30 a second. None until the first one, about 0.4 s after the start."""
        ...

    def events(self) -> list[HasHappened]:
        """What happened since the last call, in order."""
        ...

    def play_key(self, data: bytes, struck_at: float) -> None:
        """A note-on or note-off of the typing keyboard, and when its key was struck (monotonic seconds); never blocks, any thread."""
        ...

    def choose_port(self, direction: str, name: str) -> None:
        """Play on another port: direction "in" or "out", name or part of it, "" = our own virtual port, "none"."""
        ...

    def list_ports(self) -> PortList:
        """The existing ports as the port watch last saw them, at most 2 s ago. Never blocks."""
        ...

    def alive(self) -> bool:
        """False once the music has ended: after `stop`, after the demo's last bar, or because the MIDI driver died."""
        ...

    def stop(self) -> None:
        """Send note-offs, end, and wait until the recording is complete (a few seconds at most). May be called again."""
        ...

    @property
    def ended(self) -> str | None:
        """Why the performance ended by itself: "" if that was intended, None while it goes on."""
        ...

    @property
    def summary(self) -> Mapping[str, Any]:
        """The numbers of the whole performance after its end, even if nothing could be recorded; {} until then."""
        ...

    @property
    def recording(self) -> Path | None:
        """The folder with `log.jsonl` and, after the end, `performance.mid`; None if nothing is kept."""
        ...
