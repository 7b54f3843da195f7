"""A whole run is traced from outside: nobody is contacted, and files appear only where they were asked for.

On Linux only, where `strace` sees every system call of every process. The environment is made from nothing, because libraries keep quiet by
themselves where they see the variables of a test service.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from companion.privacy import NO_TELEMETRY, switch_off_telemetry

TRACED_CALLS = "trace=network,openat,creat,mkdir"
INTERNET = re.compile(r"AF_INET6?\b")


def traced(folder: Path, *arguments: str) -> list[str]:
    """The system calls of `companion …` and of every process that it starts."""
    if shutil.which("strace") is None:
        missing("strace is not installed (apt install strace)")
    trace, home = folder / "trace.txt", folder / "home"
    home.mkdir()
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": os.getcwd()}
    environment["XDG_RUNTIME_DIR"] = str(runtime)
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", TRACED_CALLS, "-o", str(trace)]
    try:
        probe = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=20)
        if probe.returncode:
            missing(f"strace may not trace here ({probe.stderr.strip().splitlines()[-1:]})")
        done = subprocess.run(
            [*command, sys.executable, "-m", "companion", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    except OSError as error:
        missing(str(error))
    assert done.returncode == 0, done.stderr
    return trace.read_text(errors="replace").splitlines()


def missing(reason: str) -> None:
    """In CI the proof is required; elsewhere it is skipped with a reason."""
    if os.environ.get("COMPANION_REQUIRE_RIG") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def files_made(calls: list[str]) -> set[str]:
    """Paths that were created, or folders that were made."""
    found = set()
    for call in calls:
        if "ENOENT" in call or "EEXIST" in call:
            continue
        if "O_CREAT" in call or "creat(" in call or "mkdir(" in call:
            found |= set(re.findall(r'"([^"]+)"', call)[:1])
    return found


def test_a_whole_run_contacts_nobody_and_writes_only_what_was_asked_for(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    # Long enough: the uploader resolves its host some seconds after the library is loaded.
    calls = traced(tmp_path, "demo", "--headless", "--bars", "4", "--tracks", "1", "--record", str(recordings))
    assert [call for call in calls if INTERNET.search(call)] == []
    sockets = str(tmp_path / "run" / "companion")  # where further screens attach
    allowed = (str(recordings), str(tmp_path / "home" / ".cache" / "companion"), sockets, "/dev/", "/proc/")
    made = {path for path in files_made(calls) if "__pycache__" not in path}
    assert any(path.endswith("log.jsonl") for path in made), "the trace sees files"
    # Folders above the allowed ones are made on the way to them.
    others = {path for path in made if not path.startswith(allowed) and not str(recordings).startswith(path)}
    assert others - {str(tmp_path / "home" / ".cache")} == set()


def test_telemetry_is_off_before_any_library_is_imported_and_whatever_was_set_before() -> None:
    script = (
        "import sys, os; import companion; heavy = {'onnxruntime', 'torch', 'huggingface_hub'} & set(sys.modules); "
        "print(sorted(heavy), os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "1"]
    other: dict[str, str] = {"HF_HUB_DISABLE_TELEMETRY": "0", "PATH": "/bin"}
    switch_off_telemetry(other)
    assert other == {**NO_TELEMETRY, "PATH": "/bin"}
