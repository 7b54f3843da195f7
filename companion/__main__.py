"""`python -m companion` and the `companion` script."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    # shells start background jobs with it ignored, and then a performance could only be killed
    signal.signal(signal.SIGINT, signal.default_int_handler)

    from companion.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
