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
    """The top-level modules loaded in a fresh interpreter that has run `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(out.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("from companion.cli.main import run; run(['--help'])")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("package", ["companion.music", "companion.tokenizer", "companion.session.session"])
def test_the_pure_core_loads_no_torch_and_no_driver(package: str) -> None:
    loaded = modules_after(f"import {package}")
    assert not loaded & {"torch", "transformers", "textual", "rtmidi", "onnxruntime", "mido"}


def test_the_realtime_process_loads_no_torch_and_no_screen() -> None:
    loaded = modules_after("import companion.runtime.processes.realtime")
    assert not loaded & {"torch", "transformers", "textual", "onnxruntime"}
