"""Finds out what this machine can do in a live performance, what is wrong, and how to fix it.

It measures: each checkpoint is loaded and writes bars of an example window. A checkpoint is recommended if it writes a bar of three
tracks in less than the share of a bar that the session's deadline rule allows.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, PortError
from companion.runtime.machine.keep_awake import QOS_PATH
from companion.runtime.machine.priority import can_be_realtime
from companion.runtime.machine.protections import protections
from companion.runtime.machine.wake_latency import measure_wakes
from companion.session.requests.sizing.lead_time import FIT, Deadlines

TEMPI = (80, 120, 160, 200)
TRACKS = 3
LEAD_MARGIN, LEAD_FLOOR_SECONDS = 1.25, 0.05  # the defaults of SessionSettings
BEATS = 4
# Limits for the p99 of the wake-ups and for the latest of them.
LATE_WAKE_MS, VERY_LATE_WAKE_MS = 2.0, 10.0
Problem = dict[str, str]


def examine(checkpoints: Sequence[str] | None = None, engine: str = "auto") -> dict[str, Any]:
    """The whole examination as one JSON-able object. checkpoints: None examines the shipped ones."""
    problems: list[Problem] = []
    ports = _ports(problems)
    protected = [asdict(each) for each in protections(tuple(ports["drivers"]))]
    realtime = _realtime(problems)
    sound = _sound(problems)
    problems += slower_engine()
    measured = [_measure(name, engine, problems) for name in checkpoints or _shipped(problems)]
    found = [entry for entry in measured if entry is not None]
    return {
        "machine": _machine(),
        "ports": ports,
        "realtime": realtime,
        "sound": sound,
        "protections": protected,
        "checkpoints": found,
        "advice": _advice(found),
        "problems": problems,
    }


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "gpu": _gpu(),
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    try:
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    except (ImportError, RuntimeError):
        return ""


def _ports(problems: list[Problem]) -> dict[str, Any]:
    from companion.midi.port_lists import Ports, list_ports

    try:
        ports = list_ports()
    except PortError as error:
        ports = Ports(error=str(error))
    if "libasound2" in ports.error:
        problems.append(
            {"what": "the ALSA library is missing, so there are no MIDI ports", "how_to_fix": "apt install libasound2"}
        )
    elif "python-rtmidi" in ports.error:
        problems.append({"what": "python-rtmidi cannot be imported", "how_to_fix": "pip install python-rtmidi"})
    elif ports.error:
        how_to_fix = "modprobe snd-seq, or start JACK; companion demo works without"
        problems.append(
            {
                "what": ports.error,
                "how_to_fix": how_to_fix if sys.platform.startswith("linux") else "connect a MIDI device",
            }
        )
    elif not ports.names("in"):
        problems.append(
            {"what": "no MIDI input is connected", "how_to_fix": "connect a keyboard, or play into our virtual port"}
        )
    return {"inputs": list(ports.names("in")), "outputs": list(ports.names("out")), "drivers": list(ports.drivers)}


def _realtime(problems: list[Problem]) -> dict[str, Any]:
    permitted = can_be_realtime()
    groups = _groups()
    if not permitted and sys.platform.startswith("linux"):
        if "audio" in groups:
            how_to_fix = "add '@audio - rtprio 95' and '@audio - memlock unlimited' to /etc/security/limits.d/audio.conf, log in again"
        else:
            how_to_fix = (
                "usermod -aG audio $USER, give that group rtprio in /etc/security/limits.d/audio.conf, and log in again"
            )
        problems.append(
            {
                "what": "real-time priority is not permitted: notes may be some milliseconds late",
                "how_to_fix": how_to_fix,
            }
        )
    wakes = measure_wakes()
    if wakes.get("p99_ms", 0) > LATE_WAKE_MS or wakes.get("max_ms", 0) > VERY_LATE_WAKE_MS:
        if wakes["queued_ms"] > wakes["max_ms"] / 2:
            how_to_fix = "end other programs, or give this user real-time priority"
        elif QOS_PATH.exists() and not wakes.get("cores_awake"):
            how_to_fix = (
                f'let us keep the cores awake: a udev rule KERNEL=="{QOS_PATH.name}", GROUP="audio", MODE="0660"'
            )
        else:
            how_to_fix = "if this is a virtual machine, its host is busy; else look for power saving and driver faults"
        what = f"this system wakes programs up to {wakes['max_ms']:.0f} ms late: notes will be as late"
        problems.append({"what": what, "how_to_fix": how_to_fix})
    return {
        "sched_fifo": permitted,
        "audio_group": "audio" in groups,
        "rtprio_limit": _rtprio_limit(),
        "wakes": wakes,
    }


def _sound(problems: list[Problem]) -> dict[str, Any]:
    """What the sound process says after a moment with the audio device."""
    if sys.platform == "win32":
        return {}
    from companion.sound.examination import examine_sound

    found = examine_sound()
    if found["trouble"]:
        how_to_fix = "connect headphones or speakers; companion demo --headless --wav FILE.wav makes a file without any"
        problems.append({"what": f"nothing will be heard: {found['trouble']}", "how_to_fix": how_to_fix})
    elif found["underruns"]:
        what = f"the sound was interrupted {found['underruns']} times in a moment"
        problems.append({"what": what, "how_to_fix": "end other programs, or give this user real-time priority"})
    return found


def _sound_text(sound: dict[str, Any]) -> str:
    if not sound.get("device"):
        return sound.get("trouble") or "not on this system"
    total = sound["latency_ms"] + sound["buffer_ms"]
    return (
        f"{sound['synthesizer']} on {sound['device']}, {total:.0f} ms ({sound['buffer_ms']:.0f} ms of it the device's buffer), "
        f"{sound['underruns']} underruns"
    )


def _groups() -> list[str]:
    try:
        import grp

        return [grp.getgrgid(group).gr_name for group in os.getgroups()]
    except (ImportError, KeyError, OSError):
        return []


def _rtprio_limit() -> int | None:
    try:
        import resource

        return resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    except (ImportError, AttributeError, OSError, ValueError):
        return None


def _shipped(problems: list[Problem]) -> list[str]:
    from companion.inference.checkpoints.hub import shipped_checkpoints

    names = sorted({path.stem for path in shipped_checkpoints()})
    if not names:
        problems.append(
            {"what": "no checkpoint is shipped with this copy", "how_to_fix": "companion checkpoints pull yellow"}
        )
    return names


def slower_engine() -> list[Problem]:
    """Why a slower engine plays on this machine's processor; none if the fastest one does."""
    from companion.inference.backends.native.library import why_not

    why = why_not()
    compiler = (
        "xcode-select --install" if sys.platform == "darwin" else "install gcc or clang (apt install gcc libc6-dev)"
    )
    what = f"a slower engine (ONNX Runtime) plays, because the native one cannot be used: {why}"
    return [{"what": what, "how_to_fix": f"{compiler}, then install companion again"}] if why else []


def _measure(name: str, engine: str, problems: list[Problem]) -> dict[str, Any] | None:
    from companion.runtime.engine.worker import Worker
    from companion.runtime.machine.gpu_report import gpu_findings
    from companion.session.api.settings import ModelSettings

    try:
        worker = Worker.load(ModelSettings(checkpoint=name, engine=engine))
    except CompanionError as error:
        problems.append({"what": f"{name}: {error}", "how_to_fix": "companion checkpoints"})
        return None
    try:
        info = worker.info()
        per_token = worker.measure_token()
        seconds = {dim: worker.measure(dim) for dim in sorted(info.num_bars_map)}
        gpu = gpu_findings(worker, 1000 * per_token)
    finally:
        worker.close()
    return {
        "name": name,
        "engine": info.engine,
        "parameters": info.parameters,
        "ms_per_token": round(1000 * per_token, 3),
        "bar_ms": {str(dim): round(1000 * value, 1) for dim, value in seconds.items()},
        "tempi": [_at_tempo(bpm, seconds) for bpm in TEMPI],
        "gpu": gpu,
    }


def _at_tempo(bpm: int, seconds: dict[int, float]) -> dict[str, Any]:
    """The largest window that is in time for three tracks per bar, and how early a bar is requested."""
    deadlines = Deadlines(LEAD_MARGIN, LEAD_FLOOR_SECONDS)
    deadlines.engine_ready(tuple(seconds.items()))
    bar_seconds = BEATS * 60 / bpm
    size = deadlines.choose(sorted(seconds, reverse=True), TRACKS, bar_seconds, None)
    lead = deadlines.lead(size)
    return {
        "bpm": bpm,
        "model_dim": size.model_dim,
        "tracks_a_bar": size.lanes,
        "lead_ms": round(1000 * lead),
        "in_time": lead <= FIT * bar_seconds,
    }


def _advice(found: list[dict[str, Any]]) -> str:
    """The checkpoint with most parameters that plays three tracks at 120 BPM in time."""
    able = [
        entry
        for entry in found
        for row in entry["tempi"]
        if row["bpm"] == 120 and row["in_time"] and row["tracks_a_bar"] == TRACKS
    ]
    if able:
        best = max(able, key=lambda entry: (entry["parameters"], entry["name"] == "yellow"))
        return f"use {best['name']}: three tracks a bar are in time at 120 BPM"
    if found:
        quickest = min(found, key=lambda entry: entry["ms_per_token"])
        return f"use {quickest['name']} at a slow tempo or with fewer tracks: this machine is slow for three at 120 BPM"
    return "no checkpoint could be measured"


def _wakes_text(wakes: dict[str, Any]) -> str:
    if not wakes:
        return ""
    awake = ", cores kept awake" if wakes.get("cores_awake") else ""
    return f"{awake}, wakes {wakes['p99_ms']:.2f} ms late (p99), {wakes['max_ms']:.1f} ms at worst"


def text_of(findings: dict[str, Any]) -> str:
    """The findings for people."""
    from companion.runtime.machine.gpu_report import gpu_lines

    machine, ports, realtime = findings["machine"], findings["ports"], findings["realtime"]
    lines = [
        f"machine    {machine['processor']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}, Python {machine['python']}",
        f"ports      {len(ports['inputs'])} in, {len(ports['outputs'])} out ({', '.join(ports['drivers']) or 'no driver'})",
        f"real time  {'SCHED_FIFO permitted' if realtime['sched_fifo'] else 'not permitted'}{_wakes_text(realtime['wakes'])}",
    ]
    lines.append(f"sound      {_sound_text(findings['sound'])}")
    for entry in findings["checkpoints"]:
        lines.append(f"{entry['name']:<10} {entry['engine']}, {entry['ms_per_token']:.2f} ms a token")
        if entry["gpu"] is not None:
            lines += gpu_lines(entry["gpu"])
        for row in entry["tempi"]:
            verdict = "" if row["in_time"] else "  (too slow)"
            lines.append(
                f"           {row['bpm']:>3} BPM: window {row['model_dim']} bars, {row['tracks_a_bar']} tracks a bar, "
                f"asked {row['lead_ms']} ms ahead{verdict}"
            )
    for protection in findings["protections"]:
        label = "protected  " if protection["works"] else "missing    "
        lines.append(f"{label}{protection['name']}: {protection['detail']}")
    lines.append(f"advice     {findings['advice']}")
    for problem in findings["problems"]:
        lines.append(f"problem    {problem['what']}")
        lines.append(f"    to fix {problem['how_to_fix']}")
    return "\n".join(lines)
