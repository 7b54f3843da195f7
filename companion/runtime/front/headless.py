"""Playing without a screen: a progress line on standard error, and a report at the end."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from companion.errors import CompanionError, PortError
from companion.midi.ports import match_port
from companion.runtime.front.launch import start_performance
from companion.runtime.front.performance import LaunchOptions, Performance
from companion.runtime.front.report import report
from companion.runtime.ports.port_board import NO_PORT
from companion.runtime.recording.documents import to_json
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.music.sound_file import sound_of_recording
from companion.runtime.recording.recorder import Log, read_log
from companion.session.api.events import command
from companion.session.api.snapshot import Snapshot

LOOK_SECONDS = 0.1
OUTPUTS_SECONDS = 15.0  # how long to wait for an output that was asked for by name
PORTS_SECONDS = 3.0  # how long to wait for a list of ports: a driver may hang


class ProgressLine:
    """Rewrites one line on a terminal; writes nothing where there is no terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = out.isatty()
        self._width = 0

    def show(self, snapshot: Snapshot) -> None:
        """The newest state."""
        self.write(progress_text(snapshot))

    def write(self, text: str) -> None:
        """Replace the line by any text."""
        if self._shown:
            self._out.write("\r" + text.ljust(self._width))
            self._out.flush()
            self._width = len(text)

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._width:
            self._out.write("\n")
            self._width = 0


def progress_text(snapshot: Snapshot) -> str:
    """A performance in less than 80 columns."""
    transport, generation = snapshot.transport, snapshot.generation
    share = f"{100 * generation.bars_fresh / generation.bars:.0f} %" if generation.bars else "-"
    return (
        f"{transport.source} {transport.state}  {transport.bpm:5.1f} BPM  bar {transport.bar + 1}.{int(transport.beat) + 1}"
        f"  in time {share}  {1000 * generation.p50_seconds:.0f}/{1000 * generation.p99_seconds:.0f} ms  {generation.state}"
    )


class Starter:
    """Starts the music once model and ports are ready, if the clock is ours. Nobody is at a screen to press start.

    Ports that were asked for by name are connected before the first note, or it is said which are not. Making ports holds the realtime
    loop for tens of milliseconds, which nobody hears before the music.
    """

    def __init__(self, options: LaunchOptions) -> None:
        settings = options.settings
        self._patient_until = time.monotonic() + PORTS_SECONDS
        self._outputs_until = time.monotonic() + OUTPUTS_SECONDS
        named = [options.ports.output, *(track.output_port for track in settings.tracks if track.role != "human")]
        self._outputs = [name for name in dict.fromkeys(named) if name and name != NO_PORT]
        self._waits = settings.clock.source == "internal" and not options.player
        self._needs_model = any(track.role == "companion" for track in settings.tracks)

    def __call__(self, performance: Performance, snapshot: Snapshot) -> bool:
        """Look at the performance; never ends it."""
        if self._waits and (snapshot.checkpoint is not None or not self._needs_model):
            missing = self._missing_outputs(snapshot)
            ports = performance.list_ports()
            listed = ports.inputs or ports.outputs or ports.error or time.monotonic() > self._patient_until
            if listed and missing and time.monotonic() > self._outputs_until:
                print(f"companion: not connected: {', '.join(missing)}; starting without", file=sys.stderr)
                missing = []
            if listed and not missing:
                self._waits = False
                performance.send(command("start"))
        return True

    def _missing_outputs(self, snapshot: Snapshot) -> list[str]:
        """Outputs that were asked for by name and are not connected yet. Without them the first notes would be lost."""
        connected = [
            key.removeprefix("out:") for key, there in snapshot.ports.items() if there and key.startswith("out:")
        ]
        return [name for name in self._outputs if match_port(name, connected) is None]


def run_headless(
    options: LaunchOptions,
    *,
    as_json: bool = False,
    each: Callable[[Performance, Snapshot], bool] | None = None,
    more: Callable[[Path], Mapping[str, Any]] | None = None,
) -> int:
    """Play until Ctrl-C or SIGTERM; prints a report (with `as_json`, one JSON object). Returns the exit status.

    each: called with every new look at the performance, False ends it; the default is a `Starter`. more: further fields of the
    report, from the recording's log; of these "lines" are for people. Raises PortError when the performance ends by itself.
    """
    each = each or Starter(options)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _frame: asked.append(caught))
    performance = start_performance(options)
    line = ProgressLine(sys.stderr)
    try:
        while performance.alive() and not asked:
            snapshot = performance.snapshot()
            if snapshot is not None:
                line.show(snapshot)
                if not each(performance, snapshot):
                    break
            for event in performance.events():
                if text := getattr(event, "text", ""):
                    line.end()
                    print(f"companion: {text}", file=sys.stderr)
            time.sleep(LOOK_SECONDS)
    finally:
        line.end()
        performance.stop()
    result = _result(performance, more)
    lines = list(result.pop("lines", ()))
    lines += sound_of_recording(performance.recording, options.sound_file, options.sound.gain, line.write)
    line.end()
    print(json.dumps(result) if as_json else "\n".join((summary_text(result), *lines)))
    if performance.ended:
        raise PortError(performance.ended)
    return 0


def _result(performance: Performance, more: Callable[[Path], Mapping[str, Any]] | None) -> dict[str, Any]:
    """The report. Numbers that could not be recorded come from the performance's own summary."""
    folder, header = performance.recording, {"settings": to_json(performance.options.settings), "start": 0.0}
    if folder is None:
        return report(Log(header, ()), performance.summary) if performance.summary else {}
    path = folder / LOG_NAME
    try:
        return {**report(read_log(path), performance.summary), "recording": str(folder), **(more(path) if more else {})}
    except CompanionError:
        if not performance.summary:
            return {}
        return {**report(Log(header, ()), performance.summary), "recording": str(folder)}


def summary_text(result: dict[str, Any]) -> str:
    """A report for people."""
    if not result:
        return "nothing was recorded"
    steps = ", ".join(f"{name} {number}" for name, number in result["bars_by_ladder_step"].items()) or "none"
    error, generation = result["onset_error_ms"], result["generation_ms"]
    lines = [
        f"bars        {result['bars']}, in time {result['bars_fresh']} ({steps})",
        f"notes       {result['notes_in']} in, {result['notes_out']} out, {result['hanging_notes']} hanging",
        f"generation  p50 {generation['p50']:.0f} ms, p99 {generation['p99']:.0f} ms, asked {result['lead_ms']:.0f} ms ahead",
        f"model       {result['checkpoint']} on {result['engine'] or 'no engine'}, window {result['model_dim']} bars,"
        f" {result['mask_mode']}, seed {result['seed']}",
    ]
    if error["max"]:
        lines.append(f"onsets      p50 {error['p50']:.2f} ms, p99 {error['p99']:.2f} ms off the true clock")
    if loop := result.get("loop_ms"):
        held = f" ({loop['held_by']})" if loop["slow_turns"] else ""
        lines.append(f"loop        p99 {loop['p99']:.1f} ms, longest {loop['max']:.1f} ms{held}")
    if not result.get("recorded_to_the_end", True):
        lines.append(
            "recorded    not to the end: what is missing in the log is missing in the numbers that are read from it"
        )
    lines += [f"{key:<11} {result[key]}" for key in ("recording", "out", "wav") if result.get(key)]
    return "\n".join(lines)
