"""Reads a TOML file that somebody may have written by hand. Whatever is wrong with it is one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from companion.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same parser under its earlier name
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

MAX_BYTES = 1_000_000


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The document of a file. kind: what it is to be, such as "preset". Raises ConfigError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: too large for a {kind}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file (expected a {kind} in TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply for a {kind}") from None
