"""The layering of the design, checked by import-linter, and what start-up may cost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "textual", "rtmidi", "onnxruntime", "numpy", "mido")


def test_imports_point_down_and_the_core_is_pure() -> None:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert program, "import-linter is part of the test extra"
    outcome = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-1000:]


def modules_after(code: str) -> set[str]:
    """The modules loaded in a fresh interpreter that has run `code`, and the packages that they are in."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(out.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("from companion.cli.main import run; run(['--help'])")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("package", ["companion.music", "companion.tokenizer", "companion.session.session"])
def test_the_pure_core_loads_no_torch_and_no_driver(package: str) -> None:
    loaded = modules_after(f"import {package}")
    assert not loaded & {"torch", "transformers", "textual", "rtmidi", "onnxruntime", "mido"}


# What the processes of a performance may not load. Each of these libraries costs megabytes and tens of milliseconds of the start, in a
# program of which several processes load at once. A failure names the module; `python -X importtime` shows who imports it.
NETWORK = {"ssl", "http", "email", "asyncio", "urllib.request", "huggingface_hub", "zmq"}
FOREIGN = {"torch", "transformers", "textual", "rich", "onnxruntime", "numpy", "mido", "psutil", "multiprocessing"}
FILES = {"argparse", "hashlib", "tempfile", "platformdirs", "rtmidi", "companion.midi.probe", "companion.midi.driver"}
COMMANDS = "companion.session.api.commands"
PROCESSES = {
    # It starts the others, and so must be there at once.
    "companion.runtime.processes.supervisor": {
        "msgspec",
        "dataclasses",
        "companion.session",
        "companion.runtime.ipc.wire",
    },
    "companion.runtime.processes.supervision": {
        COMMANDS,
        "companion.music.files",
        "companion.runtime.recording.records",
    }
    | FILES,
    "companion.runtime.processes.realtime": {
        "companion.tokenizer",
        "companion.inference",
        "companion.config",
        "subprocess",
    }
    | FILES,
    "companion.runtime.engine.engine_process": {COMMANDS, "companion.runtime.recording"},
    "companion.runtime.engine.loading": {COMMANDS, "companion.runtime.recording", "companion.runtime.remote_engine"},
    "companion.sound.process": {"argparse", "companion.session"},
}
NEEDS_NUMPY = "companion.runtime.engine.loading"


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_loads_only_what_it_uses(module: str) -> None:
    foreign = FOREIGN - ({"numpy"} if module == NEEDS_NUMPY else set())
    unused = modules_after(f"import {module}") & (PROCESSES[module] | foreign | NETWORK)
    assert not unused


def test_the_screen_runs_without_tls_and_a_download_has_it() -> None:
    screen = (
        "from companion.without import TLS, without\nwith without(TLS):\n    import asyncio\nimport companion.tui.app"
    )
    unused = {
        "ssl",
        "_ssl",
        "_hashlib",
        "numpy",
        "companion.config.presets",
        "companion.charts",
        "companion.session.extension",
    }
    loaded = modules_after(screen) & unused
    assert not loaded
    later = "import sys, urllib.request, ssl; sys.exit(not hasattr(urllib.request, 'HTTPSHandler'))"
    assert subprocess.run([sys.executable, "-c", f"{screen}\n{later}"], cwd=ROOT).returncode == 0


def test_the_sound_process_plays_without_tls() -> None:
    pytest.importorskip("miniaudio")
    script = (
        "import threading, companion.sound.process as p, socket, os\n"
        "from companion.sound.settings import SoundChoice\n"
        "os.getppid = iter((1, 2)).__next__\n"
        "p.Process(socket.socketpair(type=socket.SOCK_DGRAM)[1], SoundChoice('on', device='null')).run()\n"
        "import miniaudio"
    )
    assert not modules_after(script) & {"ssl", "_ssl", "_hashlib"}


def test_the_processes_of_a_performance_are_started_before_its_screen_is_imported() -> None:
    """What the front imports until then costs the start of everything else."""
    loaded = modules_after(
        "import companion.cli.playing.demo_command, companion.runtime.players.demo, companion.runtime.front.launch as x\n"
        "from companion.runtime.processes.live_performance import start\n"
        "from companion.runtime.remote.led import LedPerformance"
    )
    assert not loaded & (FOREIGN | NETWORK | {"pythonosc", "companion.config", "companion.music.song"})
