"""Imports a library without an optional part of it that this program never uses. Some such parts take megabytes in each process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The library of TLS. asyncio and http do without it, as in a Python that was built without TLS.
TLS = "ssl"
# OpenSSL's hashes. hashlib falls back to Python's own, which are slower. A process that hashes files should keep them.
FAST_HASHES = "_hashlib"


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """While this lasts, these modules cannot be imported, unless they are there already. Afterwards they can."""
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # this is how Python marks what cannot be imported
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
