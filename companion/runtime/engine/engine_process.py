"""The engine process: `python -m companion.runtime.engine.engine_process DESCRIPTOR`.

Told by the realtime process over one link which checkpoint to load and what to generate; streams the notes back while they
are decoded. It looks at the link between any two tokens, so a cancelled request stops within one. It ends when the other end
does, or when its parent dies. It never decides anything about time.

With an engine on another machine it also owns the network's end (`companion.runtime.engine.far_size`): requests for the size
over there are passed on, and its notes are passed back.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError
from companion.runtime.ipc.ends import adopt
from companion.runtime.ipc.link import Link
from companion.runtime.machine.priority import die_with_parent, give_way
from companion.session.api.effects import Cancel, Generate, LoadModel, Prefill, PrepareModel
from companion.session.api.engine_events import EngineLost, GenerationFailed
from companion.session.api.settings import ModelSettings

if TYPE_CHECKING:
    from companion.runtime.engine.checkpoints import Checkpoints

NETWORK_SECONDS = 0.05  # with another machine, signs of life are due all the time


def prepare_process() -> None:
    """What must be set before numpy, ONNX Runtime or torch are loaded."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads would take the realtime loop's core
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    # numpy asks for pages of 2 MB for large arrays. A memory of keys and values is used in its first part only, a third or so, and
    # then takes up all of itself.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    # numpy's own products are of vectors here, and would start a thread for each core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    give_way()


def import_early() -> None:
    """Import what nearly every checkpoint needs, while the realtime process starts and before it says which one to load."""
    with suppress(ImportError):
        import companion.runtime.engine.checkpoints
        import companion.runtime.engine.loading  # noqa: F401
    with suppress(ImportError):
        from companion.inference.backends import select

        select.import_early()


class EngineLoop:
    """Waits for work, does it, looks up between tokens."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._checkpoints: Checkpoints | None = None
        self._todo: deque[Generate | LoadModel] = deque()
        self._prefill: Prefill | None = None
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Until the other end hangs up."""
        while not self._link.closed:
            self._look()
            self._take_news()
            if self._todo:
                self._do(self._todo.popleft())
            elif self._prefill is not None:
                self._read_ahead()
            else:
                self._wait()
        if self._checkpoints is not None:
            self._checkpoints.leave_far()

    def _wait(self) -> None:
        waiting_to_write = [self._link] if self._link.pending_bytes else []
        if self._link.fileno() >= 0 and self._checkpoints is not None and self._checkpoints.sockets:
            wait_for_all(self._link.fileno(), bool(waiting_to_write), self._checkpoints.sockets)
        elif self._link.fileno() >= 0:
            seconds = 1.0 if self._checkpoints is None else self._checkpoints.wait_seconds
            select.select([self._link], waiting_to_write, [], seconds)

    def _look(self) -> None:
        """Take in the messages that have arrived."""
        self._link.flush()
        for effect in self._link.receive():
            if isinstance(effect, (Cancel, Prefill, Generate)) and self._ask_far(effect):
                self._prefill = None
            elif isinstance(effect, Cancel):
                self._cancelled.add(effect.request_id)
            elif isinstance(effect, Prefill):
                self._prefill = effect
            elif isinstance(effect, (Generate, LoadModel)):
                self._prefill = None
                self._todo.append(effect)
            elif isinstance(effect, PrepareModel) and self._checkpoints is not None:
                self._checkpoints.prepare(effect.model)
        for event in self._checkpoints.look_far() if self._checkpoints is not None else ():
            self._link.send(event)

    def _ask_far(self, effect: Cancel | Prefill | Generate) -> bool:
        """Pass on what is for another machine. True if it is for that one alone; its stand-in here reads ahead, too."""
        far = None if self._checkpoints is None else self._checkpoints.far
        if far is None or not (isinstance(effect, Cancel) or far.writes(effect.job)):
            return False
        far.ask(effect)
        return isinstance(effect, Generate)

    def _take_news(self) -> None:
        """Tell the session about a checkpoint or a size that was loaded in the meantime."""
        for event in self._checkpoints.poll() if self._checkpoints is not None else ():
            self._link.send(event)

    def _do(self, effect: Generate | LoadModel) -> None:
        if isinstance(effect, LoadModel):
            if not any(isinstance(other, LoadModel) for other in self._todo):  # only the last wish counts
                self._load(effect.model)
            return
        job = effect.job
        worker = None if self._checkpoints is None else self._checkpoints.worker(job.size)
        if worker is None:
            return

        def cancelled() -> bool:
            self._look()
            return job.request_id in self._cancelled or self._link.closed

        if not cancelled():
            try:
                worker.generate(job, self._link.send, cancelled)
            except Exception as error:  # a fault in one request costs one bar, not the engine
                self._link.send(GenerationFailed(job.request_id, f"{type(error).__name__}: {error}"[:200]))
        self._cancelled.discard(job.request_id)

    def _read_ahead(self) -> None:
        prefill, self._prefill = self._prefill, None
        worker = None if self._checkpoints is None or prefill is None else self._checkpoints.worker(prefill.job.size)
        if worker is None or prefill is None:
            return

        def replaced() -> bool:
            self._look()
            return self._prefill is not None or bool(self._todo) or self._link.closed

        with suppress(Exception):  # reading ahead only saves time
            worker.prefill(prefill.job, replaced)

    def _load(self, model: ModelSettings) -> None:
        try:
            if self._checkpoints is None:
                from companion.runtime.engine.checkpoints import Checkpoints
                from companion.runtime.engine.loading import load_checkpoint

                self._checkpoints = Checkpoints(load_checkpoint)
            if (event := self._checkpoints.want(model)) is not None:
                self._link.send(event)
        except (CompanionError, ImportError, MemoryError) as error:
            self._link.send(EngineLost(str(error).splitlines()[0] if str(error) else type(error).__name__))


def wait_for_all(descriptor: int, writes: bool, sockets: Sequence[Any]) -> None:
    """Wait, but not long, until the link or a socket of ZeroMQ's has something to do. writes: the link waits to be written to."""
    import zmq

    poller = zmq.Poller()
    poller.register(descriptor, zmq.POLLIN | (zmq.POLLOUT if writes else 0))
    for each in sockets:
        poller.register(each, zmq.POLLIN)
    poller.poll(round(1000 * NETWORK_SECONDS))


def main(arguments: list[str]) -> None:
    """The process itself."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us
    prepare_process()
    link = Link(adopt(int(arguments[0])))
    import_early()
    EngineLoop(link).run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # threads of the numerical libraries must not hold up the end
