"""The session: pure, deterministic, with time passed in. `Session` is the whole of it; see `companion.session.session`."""

from companion.session.session import Session

__all__ = ["Session"]
