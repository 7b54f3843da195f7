"""`python -m companion.runtime.engine.graph_builder CHECKPOINT ENGINE`: build a checkpoint's graph and leave it in the cache.

A process of its own, so that building takes neither the engine's time nor, afterwards, its memory. Music may play meanwhile, so it
takes one core, and that only while nobody else wants it. Prints one line and ends with status 1 when it fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

# One thread; and memory is kept for the next matrix instead of being returned: handing pages out costs more than the arithmetic,
# and holds up other processes in the system's kernel, a virtual machine's above all.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
}


def main(arguments: list[str]) -> int:
    """Build; returns the exit status."""
    from companion.runtime.machine.priority import die_with_parent, take_what_is_left

    die_with_parent()
    take_what_is_left()
    path, engine = arguments
    if _built_quickly(Path(path)):
        return 0
    from companion.errors import CompanionError
    from companion.inference.engine import InferenceEngine

    try:
        InferenceEngine.from_checkpoint(Path(path), engine).close()
    except CompanionError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 1
    return 0


def _built_quickly(path: Path) -> bool:
    """Build without torch, where the file allows it."""
    try:
        from companion.inference.backends.onnx.building import build_quickly
    except ImportError:
        return False
    return path.is_file() and build_quickly(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
