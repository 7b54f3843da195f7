"""Where the files shipped with the program lie: in a source checkout or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from companion.errors import CompanionError


def configs_dir() -> Path:
    """The folder with encoders/, training/, live/ and charts/.

    A wheel carries it as companion/_configs; a checkout has it as configs/ beside the package.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_configs", package.parent / "configs"):
        if candidate.is_dir():
            return candidate
    raise CompanionError(f"the configs folder that belongs to this program is missing beside {package}")
