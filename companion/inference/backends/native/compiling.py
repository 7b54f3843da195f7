"""Compiles the kernels into a shared library. It runs when the package is built or installed, so it imports nothing of ours.

`python companion/inference/backends/native/compiling.py` does the same by hand, after the sources were changed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "csrc"
LIBRARY = HERE / ("_kernels.dll" if sys.platform == "win32" else "_kernels.so")
COMPILERS = ("cc", "gcc", "clang")
# Associative sums are written out in the sources, so -ffast-math is not needed: not-a-number stays not a number.
FLAGS = (
    "-std=gnu11 -O3 -fvisibility=hidden -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-psabi -Wno-unused-function"
).split()
# The kernels are compiled once for each of these; the library chooses when it is opened.
VARIANTS = {
    "x86_64": {
        "plain": [],
        "avx2": ["-mavx2", "-mfma"],
        "avxvnni": ["-mavx2", "-mfma", "-mavxvnni"],
        "avx512vnni": "-mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni".split(),
    },
    "aarch64": {"plain": [], "dotprod": ["-march=armv8.2-a+dotprod"]},
}
KERNELS = ("matrices.c", "attention.c")
COMMON = ("engine.c", "step.c", "pool.c")
PATIENCE_SECONDS = 300.0


class CompilingError(Exception):
    """The library could not be compiled; one line says why."""


def fingerprint() -> str:
    """A hash of the sources. The library contains it, so that one that was built from other sources is not used."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def compile_library(target: Path = LIBRARY) -> Path:
    """Compile and link; the finished library replaces an older one at once. Raises CompilingError."""
    compiler = _compiler()
    position = [] if sys.platform == "win32" else ["-fPIC"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        variants = {name: flags for name, flags in _variants().items() if _accepts(compiler, flags, out)}
        jobs = [
            ([*FLAGS, *position, *flags, f"-DVARIANT={name}", "-c", str(SOURCES / source)], out / f"{name}-{source}.o")
            for name, flags in variants.items()
            for source in KERNELS
        ]
        known = [f"-DWITH_{name.upper()}" for name in variants]
        identity = [f'-DFINGERPRINT="{fingerprint()}"']
        jobs += [
            ([*FLAGS, *position, *known, *identity, "-c", str(SOURCES / source)], out / f"{source}.o")
            for source in COMMON
        ]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(lambda job: _run([*compiler, *job[0], "-o", str(job[1])]), jobs))
        library = out / target.name
        _run([*compiler, "-shared", "-o", str(library), *(str(path) for _, path in jobs), "-pthread", "-lm"])
        unfinished = target.with_suffix(f".{os.getpid()}.part")
        shutil.copy(library, unfinished)
        os.replace(unfinished, target)
    return target


def _compiler() -> list[str]:
    """The command of a C compiler with GCC's extensions: that of the environment variable CC, or one that is found."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named, *([name] for name in COMPILERS)]:
        if command and shutil.which(command[0]):
            return command
    raise CompilingError("no C compiler was found (gcc or clang)")


def _variants() -> dict[str, list[str]]:
    machine = platform.machine().lower()
    return VARIANTS.get({"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine), {"plain": []})


def _accepts(compiler: list[str], flags: list[str], folder: Path) -> bool:
    """Whether the compiler knows these instructions: older ones lack the newest."""
    probe = folder / "probe.c"
    probe.write_text("int probe;\n")
    try:
        _run([*compiler, *flags, "-c", str(probe), "-o", str(folder / "probe.o")])
    except CompilingError:
        return False
    return True


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilingError(f"{command[0]}: {error}".splitlines()[0]) from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or [f"status {done.returncode}"]
        raise CompilingError(f"{command[0]}: {errors[0]}")


if __name__ == "__main__":
    try:
        print(compile_library())
    except CompilingError as error:
        sys.exit(str(error))
