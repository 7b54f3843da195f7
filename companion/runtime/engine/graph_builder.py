"""`python -m companion.runtime.engine.graph_builder CHECKPOINT ENGINE`: build a checkpoint's graph and leave it in the cache.

A process of its own, so that building takes neither the engine's time nor, afterwards, its memory. Prints one line and
ends with status 1 when it fails.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

BUILD_NICENESS = 10


def main(arguments: list[str]) -> int:
    """Build; returns the exit status."""
    from companion.runtime.machine.priority import die_with_parent

    die_with_parent()
    with suppress(OSError, AttributeError):
        os.nice(BUILD_NICENESS)
    from companion.errors import CompanionError
    from companion.inference.engine import InferenceEngine

    path, engine = arguments
    try:
        InferenceEngine.from_checkpoint(Path(path), engine).close()
    except CompanionError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
