"""The supervisor process: it starts the realtime process and the engine, loads what it needs itself meanwhile, and supervises them.

`python -m companion.runtime.processes.supervisor FRONT CONTROL SOUND SOUNDING [FRONT_REALTIME THEIR_CONTROL SOUND_OUT KEYS]`
(inherited descriptors): our link with the front; the end through which links are passed to the realtime process; the end at which a
sound process listens; the memory of what sounds; and, for the first supervisor of a performance, the realtime process's own ends.
A supervisor that takes over from one that was killed finds the realtime process running and gets no such ends.

This module imports little, because the other processes take longer to load than this one and should begin at once. What it does from
then on is in `supervision`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from companion.runtime.engine.engine_keeper import EngineKeeper
from companion.runtime.ipc.ends import SUPERVISOR, adopt, link_pair, pass_descriptor
from companion.runtime.processes import children
from companion.runtime.processes.children import start_module


class Begun(NamedTuple):
    """What runs from the first moment. realtime: None if it ran before. end: ours of the link with it. remark: for the log."""

    realtime: subprocess.Popen[bytes] | None
    end: socket.socket
    engine: EngineKeeper
    remark: str


def begin(control: socket.socket, sounding: int, ends: Sequence[socket.socket]) -> Begun:
    """Start the engine, and the realtime process if it is not there yet. ends: that process's links; () if it is running already."""
    ours, theirs = link_pair()
    realtime = None
    if ends:
        front, *others = (end.fileno() for end in ends)
        realtime = start_module(children.REALTIME, [front, theirs.fileno(), *others, sounding])
        for end in ends:
            end.close()
    else:
        with suppress(OSError):  # it has ended meanwhile, and only the recording remains to be completed
            pass_descriptor(control, theirs, SUPERVISOR)
    theirs.close()
    engine = EngineKeeper(control)
    return Begun(realtime, ours, engine, engine.look())


def main(arguments: list[str]) -> None:
    """The process itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptors = [int(argument) for argument in arguments]
    front, control, sound = map(adopt, descriptors[:3])
    sounding = descriptors[3]
    begun = begin(control, sounding, [adopt(descriptor) for descriptor in descriptors[4:]])
    from companion.runtime.processes.supervision import supervise

    supervise(front, begun, sound, sounding)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
