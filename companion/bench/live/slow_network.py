"""A slow and lossy network in one process: a TCP proxy that delays what passes through it.

Each direction is delayed by `delay_seconds`. TCP hides a lost packet from the programs: it is sent again after the sender's retransmission
timeout, and everything behind it waits. A loss is therefore modelled as a pause of STALL_SECONDS, Linux's smallest retransmission timeout,
for every segment of SEGMENT_BYTES with probability `loss`. Faster repairs (duplicate acknowledgements) are not modelled: the model is
on the slow side.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

STALL_SECONDS = 0.2
SEGMENT_BYTES = 1448
READ_BYTES = 1 << 16


class SlowNetwork:
    """Listens on `port` of the loopback interface and passes everything on to `target_port`. Runs in a thread of its own.

    loss: probability from 0 to 1. `cut`, `freeze` and `mend` may be called from any thread.
    """

    def __init__(self, target_port: int, delay_seconds: float = 0.0, loss: float = 0.0, seed: int = 1) -> None:
        self._target, self.delay_seconds, self.loss = target_port, delay_seconds, loss
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.stalls = 0
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="slow network", daemon=True)
        self._thread.start()
        started.wait()

    def cut(self) -> None:
        """Close every connection, and every new one, until `mend`: the cable is pulled and both ends notice."""
        self._loop.call_soon_threadsafe(self._do_cut)

    def freeze(self) -> None:
        """Pass nothing on until `mend`, without a sign to either end."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        """Pass everything on again."""
        self._loop.call_soon_threadsafe(self._do_mend)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        self._do_cut()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _do_cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def _do_mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = self._loop.create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction. Bytes are read as they come and written when their time has come, in order."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = self._loop.create_task(self._write(queue, sink))
        ready = 0.0
        with suppress(OSError):
            while data := await source.read(READ_BYTES):
                ready = max(ready, self._loop.time() + self.delay_seconds) + self._stall(len(data))
                queue.put_nowait((ready, data))
        queue.put_nowait((max(ready, self._loop.time() + self.delay_seconds), b""))
        with suppress(asyncio.CancelledError):
            await writing

    async def _write(self, queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                at, data = await queue.get()
                await asyncio.sleep(max(0.0, at - self._loop.time()))
                await self._flows.wait()
                if not data:
                    break
                sink.write(data)
                await sink.drain()
        self._writers.discard(sink)
        sink.transport.abort()

    def _stall(self, length: int) -> float:
        """Seconds for which lost segments hold everything up."""
        segments = -(-length // SEGMENT_BYTES)
        lost = sum(self._chance.random() < self.loss for _ in range(segments))
        self.stalls += lost
        return STALL_SECONDS if lost else 0.0
