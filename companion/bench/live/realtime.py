"""Measures whether the whole program is in time: recorded player, session, engine process and screen, for many bars at one tempo."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.bench.live.stalls import Stalls, watch_stalls
from companion.errors import CompanionError
from companion.runtime.front.report import errors_ms, onsets, report, schedule
from companion.runtime.ipc.protocol import SOUND_REMARK
from companion.runtime.machine.wake_latency import stolen_seconds
from companion.runtime.players.demo import DEFAULT_BARS, DemoOptions
from companion.runtime.players.demo_run import run_demo
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.recorder import Log, read_log
from companion.runtime.recording.records import EventReceived, Remark
from companion.session.api.events import EngineReady
from companion.session.api.settings import ModelSettings
from companion.sound.settings import SoundChoice

if TYPE_CHECKING:
    from companion.bench.live.screen import ScreenRun

NO_SOUND = SoundChoice()
BEATS_A_BAR = 4  # of the player that performs
LOOP_SECONDS = 0.002  # a stall that ends this shortly before a note is due may still delay it


def measure_realtime(
    checkpoint: str, engine: str, bars: int, tempo: float, screen: bool = True, sound: SoundChoice = NO_SOUND
) -> dict[str, Any]:
    """The demo's report (`companion demo --headless --json`), the tempo, and the share of bars that were there in time.

    screen: with the real terminal UI, drawing into a pseudo-terminal of 160 × 50; its start and memory are then reported as well.
    sound: with the sound process beside the others; what its device did is then reported as well.
    apart_from_stalls: the errors of the notes at whose time the whole machine was not held up, as `companion.bench.live.stalls` saw it.
    """
    options = DemoOptions(
        bars=bars or DEFAULT_BARS,
        bpm=tempo,
        model=ModelSettings(checkpoint=checkpoint, engine=engine),
        sound=sound,
    )
    screen = screen and sys.platform != "win32"
    stolen = stolen_seconds()
    with tempfile.TemporaryDirectory(prefix="companion-bench-") as folder, watch_stalls() as stalls:
        options = replace(options, record_dir=Path(folder))
        run = _on_screen(options) if screen else None
        if run is None:
            run_demo(options)
        log = _log_in(Path(folder))
    found = report(log)
    return {
        **found,
        "screen": screen,
        **(_seen_from_outside(run, log) if run else {}),
        "sound": _sound_of(log),
        "tempo": tempo,
        "share_in_time": found["bars_fresh"] / max(found["bars"], 1),
        "stolen_ms": round(1000 * (stolen_seconds() - stolen)),
        "stalls": None if stalls.spans is None else stalls.summary(),
        "apart_from_stalls": None if stalls.spans is None else apart_from(stalls, log),
        "slow_turns": [remark.text for remark in log.of_kind(Remark) if remark.text.startswith("slow turn")][:20],
    }


def _sound_of(log: Log) -> dict[str, Any] | None:
    """The sound process's report on its device at the end."""
    found = [remark.text for remark in log.of_kind(Remark) if remark.text.startswith(SOUND_REMARK + "{")]
    return json.loads(found[-1].removeprefix(SOUND_REMARK)) if found else None


def apart_from(stalls: Stalls, log: Log) -> dict[str, Any]:
    """Errors as in the report of the notes that no stall of the machine lay across: {notes, onset_error_ms, scheduling_error_ms}."""
    sent_to = [pair for pair in onsets(log) if not stalls.during(min(pair) - LOOP_SECONDS, max(pair))]
    due = [pair for pair in schedule(log) if not stalls.during(min(pair) - LOOP_SECONDS, max(pair))]
    return {"notes": len(due), "onset_error_ms": errors_ms(sent_to), "scheduling_error_ms": errors_ms(due)}


def _on_screen(options: DemoOptions) -> ScreenRun:
    from companion.bench.live.screen import run_on_screen

    arguments = ["demo", "--bars", str(options.bars), "--bpm", f"{options.bpm:g}", "--record", str(options.record_dir)]
    arguments += ["--checkpoint", options.model.checkpoint, "--engine", options.model.engine]
    arguments += ["--sound", options.sound.mode, "--audio", options.sound.device]
    return run_on_screen(arguments, (options.bars or 0) * BEATS_A_BAR * 60 / options.bpm)


def _log_in(folder: Path) -> Log:
    path = next(folder.glob(f"*/{LOG_NAME}"), None)
    if path is None:
        raise CompanionError("the program left no recording")
    return read_log(path)


def _seen_from_outside(run: ScreenRun, log: Log) -> dict[str, Any]:
    ready = _ready_seconds(log)
    return {
        "first_frame_ms": None if run.first_frame is None else round(1000 * (run.first_frame - run.begun)),
        "ready_ms": None if ready is None else round(1000 * (ready - run.begun)),
        "memory_mb": run.memory_mb,
        "memory_total_mb": round(sum(run.memory_mb.values())),
        "memory_without_shared_twice_mb": round(sum(run.shared_memory_mb.values())),
        "cpu_seconds": run.cpu_seconds,
        "drawn_bytes": run.drawn_bytes,
    }


def _ready_seconds(log: Log) -> float | None:
    """When the engine was ready, on the clock that all processes share."""
    return next((told.seconds for told in log.of_kind(EventReceived) if isinstance(told.event, EngineReady)), None)


def realtime_text(found: dict[str, Any]) -> str:
    """Some lines for a terminal."""
    lines = [
        f"{found['share_in_time']:.1%} of {found['bars']} bars in time at {found['tempo']:g} BPM "
        f"({found.get('checkpoint')}, {found.get('engine')}, model_dim {found.get('model_dim')}, "
        f"{'with' if found.get('screen') else 'without'} the screen)",
        f"generation {found.get('generation_ms')} ms, first note {found.get('first_note_ms')} ms; of requests prefilled ahead "
        f"{found.get('generation_after_prefill_ms')} and {found.get('first_note_after_prefill_ms')} ms",
        f"onset error {found.get('onset_error_ms')} ms, scheduling error {found.get('scheduling_error_ms')} ms",
        f"loop {found.get('loop_ms')}, notes dropped late {found.get('late_notes_dropped')}, "
        f"taken by the host {found['stolen_ms']} ms",
    ]
    if apart := found["apart_from_stalls"]:
        stalls = found["stalls"]
        lines.append(
            f"the whole machine stood still {stalls['count']} times ({stalls['longest_ms']} ms at the longest); apart from that, "
            f"{apart['notes']} notes: onset error {apart['onset_error_ms']} ms, scheduling error {apart['scheduling_error_ms']} ms"
        )
    if sound := found.get("sound"):
        lines.append(
            f"sound: {sound['synthesizer']} on {sound['device'] or 'no device'}, {sound['underruns']} underruns, "
            f"{sound['late']} notes late, {sound['load']:.1%} of a core"
        )
    if found.get("screen"):
        lines.append(
            f"first frame {found['first_frame_ms']} ms, ready {found['ready_ms']} ms, memory {found['memory_total_mb']} MB "
            f"({found['memory_without_shared_twice_mb']} MB where shared memory counts once): {_each(found['memory_mb'])}"
        )
    return "\n".join(lines)


def _each(memory_mb: Mapping[str, float]) -> str:
    return ", ".join(f"{process} {megabytes:.0f}" for process, megabytes in memory_mb.items())
