"""The session: pure, deterministic, with time passed in. `Session` is the whole of it; see `companion.session.session`.

It is imported on first use: screens and command lines that need only the values of this package start faster without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from companion.session.session import Session

__all__ = ["Session"]


def __getattr__(name: str) -> Any:
    if name == "Session":
        from companion.session.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
