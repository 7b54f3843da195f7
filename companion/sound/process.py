"""The sound process: `python -m companion.sound.process DESCRIPTOR [--mode M --gain G --soundfont F --device D]`.

Messages arrive as datagrams (`companion.sound.wire`) on the inherited descriptor. The process reports the fields of `Health` as lines
of JSON. It ends when its parent ends or closes its standard input. Nothing ever waits for it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace

from companion.errors import SoundError
from companion.sound.players.player import Health, Player
from companion.sound.players.priority import come_first
from companion.sound.settings import MODES, SoundChoice
from companion.sound.wire import receive
from companion.without import FAST_HASHES, TLS, without

REPORT_SECONDS = 1.0
LOOK_SECONDS = 0.25
SWITCH_SECONDS = 0.0005  # the device's thread gets the interpreter within this time


def process_command(descriptor: int, choice: SoundChoice) -> list[str]:
    """Return the command line that starts the process."""
    command = [sys.executable, "-m", "companion.sound.process", str(descriptor)]
    command += ["--mode", choice.mode, "--gain", str(choice.gain)]
    return [*command, "--soundfont", choice.soundfont, "--device", choice.device]


def parse_health(line: bytes) -> Health | None:
    """Read a line of the process, or return None for anything else."""
    with suppress(ValueError, TypeError):
        return Health(**json.loads(line))
    return None


class Process:
    """Passes arriving messages to the player, and reports its health."""

    def __init__(self, end: socket.socket, choice: SoundChoice) -> None:
        end.setblocking(False)
        self._end, self._choice = end, choice
        self._player: Player | None = None
        self._said = Health("")
        self._next_report = 0.0

    def run(self) -> None:
        """Run until the parent is gone."""
        # miniaudio can play from the network, which this process never does: TLS and OpenSSL's hashes would take 6 MB.
        with without(TLS, FAST_HASHES):
            import urllib.request  # noqa: F401
        from companion.sound.players.choice import make_player  # whoever only starts this process does not need it

        parent = os.getppid()
        try:
            self._player = make_player(self._choice)
        except SoundError as error:
            self._report(Health(self._choice.mode, trouble=str(error)))
            return
        come_first()
        try:
            while os.getppid() == parent:
                ready, _, _ = select.select([self._end, sys.stdin], [], [], LOOK_SECONDS)
                if sys.stdin in ready:
                    return  # nothing is ever written to it; it ends with the parent
                if self._end in ready:
                    self._player.play(receive(self._end))
                self._look(time.monotonic())
        except OSError:
            return
        finally:
            self._player.close()

    def _look(self, now: float) -> None:
        assert self._player is not None
        health = self._player.health()
        news = (health.device, health.trouble) != (self._said.device, self._said.trouble)
        if news or now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            self._report(health)

    def _report(self, health: Health) -> None:
        self._said = replace(health)
        sys.stdout.write(json.dumps(asdict(health)) + "\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Run the sound process."""
    import argparse  # whoever only starts this process does not need it

    parser = argparse.ArgumentParser(prog="companion.sound.process")
    parser.add_argument("descriptor", type=int)
    parser.add_argument("--mode", choices=MODES, default="auto")
    parser.add_argument("--gain", type=float, default=1.0)
    parser.add_argument("--soundfont", default="")
    parser.add_argument("--device", default="")
    args = parser.parse_args(arguments)
    sys.setswitchinterval(SWITCH_SECONDS)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    choice = SoundChoice(args.mode, args.gain, args.soundfont, args.device)
    with suppress(BrokenPipeError):
        Process(socket.socket(fileno=args.descriptor), choice).run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # a hanging device must not delay the end
