"""The observer's own process: `python observer_process.py SERVER INPUT…`, a JACK client that records and plays.

Apart from the tests, because a JACK client whose server dies or drops it may crash; then one test fails, and no more. One JSON value
a line. In: a list of messages in hexadecimal, to be sent at the next period; the end of the input ends the process. Out: "ready",
then lists of [input, frame, message in hexadecimal] in the order in which the server delivered them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import jack

REPORT_SECONDS = 0.005
LEAVE_SECONDS = 2.0


def main(server: str, names: list[str]) -> None:
    """Record until the input ends or the server does."""
    for setter in (jack.set_error_function, jack.set_info_function):
        setter(lambda text: None)
    heard: deque[tuple[str, int, str]] = deque()
    to_play: deque[bytes] = deque()
    client = jack.Client("observer", servername=server, no_start_server=True)
    inputs: dict[str, Any] = {name: client.midi_inports.register(name) for name in names}
    output: Any = client.midi_outports.register("play")

    def process(frames: int) -> None:
        start = client.last_frame_time
        for name, port in inputs.items():
            for offset, data in port.incoming_midi_events():
                heard.append((name, start + offset, bytes(data).hex()))
        output.clear_buffer()
        while to_play:
            output.write_midi_event(0, to_play.popleft())

    def take_orders() -> None:
        for line in sys.stdin:
            to_play.extend(bytes.fromhex(message) for message in json.loads(line))
        threading.Timer(LEAVE_SECONDS, os._exit, (1,)).start()  # where leaving hangs
        leaving.set()

    leaving = threading.Event()
    client.set_process_callback(process)
    client.set_shutdown_callback(lambda status, reason: os._exit(0))  # a client of a dead server has nothing to tidy
    with suppress(OSError, AttributeError):  # else the callback waits for the interpreter whenever the machine is busy
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    client.activate()
    gc.freeze()
    gc.disable()
    print('"ready"', flush=True)
    threading.Thread(target=take_orders, daemon=True).start()
    while not leaving.is_set():
        batch = [heard.popleft() for _ in range(len(heard))]
        if batch:
            print(json.dumps(batch), flush=True)
        time.sleep(REPORT_SECONDS)
    client.deactivate()
    client.close()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
