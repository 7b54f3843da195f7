"""The demo without a screen, and the report on it.

Without a seed it runs in real time through the real processes. With a seed it runs in simulated time (see `simulate`), faster than
real time and the same every time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.errors import GenerationError
from companion.runtime.front.launch import Launcher
from companion.runtime.front.performance import Performance
from companion.runtime.front.report import report
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.demo import DEFAULT_BARS, DemoOptions, demo_settings, launch_options
from companion.runtime.players.manner import Manner
from companion.runtime.players.tunes import find_player
from companion.runtime.recording.folder import LOG_NAME, LogWriter, new_folder
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.music.sound_file import sound_of_log
from companion.runtime.recording.music.transcript import song_of
from companion.runtime.recording.recorder import Log, header_line, read_log
from companion.runtime.recording.records import PerformanceEnded
from companion.session.api.effects import Notice
from companion.session.api.snapshot import Snapshot
from companion.sound.outputs import write_music

Watch = Callable[[Snapshot], None]


def run_demo(
    options: DemoOptions, watch: Watch | None = None, tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Play without a screen and report; `watch` sees snapshots now and then (in real time only), `tell` how far a rendering is.

    Raises UsageError, CheckpointError, and GenerationError when the processes end before their time.
    """
    log, folder = _simulated(options) if options.seed is not None else _real(options, watch)
    if options.out is not None:
        write_music(song_of(log), options.out, gain=options.sound.gain)
    if options.wav is not None:
        sound_of_log(log, options.wav, options.sound.gain, tell)
    return {
        **report(log),
        "player": options.player,
        "time": "simulated" if options.seed is not None else "real",
        "recording": str(folder) if folder else "",
        "out": str(options.out) if options.out else "",
        "wav": str(options.wav) if options.wav else "",
    }


def _simulated(options: DemoOptions) -> tuple[Log, Path | None]:
    from companion.runtime.engine.worker import Worker
    from companion.runtime.players.simulate import Simulation

    settings = demo_settings(options)
    title = f"demo: {find_player(options.player).title}"
    manner = Manner(seed=options.seed or 0)
    setup = Setup(settings, title=title, player=options.player, bars=options.bars or DEFAULT_BARS, manner=manner)
    worker = Worker.load(settings.model)
    try:
        log = Simulation(setup, worker).run()
    finally:
        worker.close()
    if options.record_dir is None:
        return log, None
    folder = new_folder(options.record_dir, title)
    writer = LogWriter(folder, header_line(setup, log.start_seconds))
    writer.write(0, b"".join(line_of(record) + b"\n" for record in log.records))
    writer.close()
    return log, folder


def _real(options: DemoOptions, watch: Watch | None) -> tuple[Log, Path | None]:
    if options.record_dir is not None:
        return _perform(options, watch)
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        log, _ = _perform(replace(options, record_dir=Path(folder)), watch)
        return log, None


def _perform(options: DemoOptions, watch: Watch | None) -> tuple[Log, Path]:
    launch = launch_options(replace(options, bars=options.bars or DEFAULT_BARS))
    performance = Launcher(launch)()
    faults: list[str] = []
    try:
        _watch_until_over(performance, watch, faults)
    finally:
        performance.stop()
    faults += _errors(performance)
    folder = performance.recording
    if folder is None or not (folder / LOG_NAME).is_file():
        raise GenerationError(faults[0] if faults else "the demo's processes ended before they began")
    log = read_log(folder / LOG_NAME)
    if next(log.of_kind(PerformanceEnded), None) is None:
        raise GenerationError(faults[0] if faults else "the demo ended before its last bar")
    return log, folder


def _watch_until_over(performance: Performance, watch: Watch | None, faults: list[str]) -> None:
    while performance.alive():
        snapshot = performance.snapshot()
        if watch is not None and snapshot is not None:
            watch(snapshot)
        faults += _errors(performance)
        time.sleep(0.1)


def _errors(performance: Performance) -> list[str]:
    return [event.text for event in performance.events() if isinstance(event, Notice) and event.level == "error"]
