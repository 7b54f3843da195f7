"""The compiled kernels as Python functions. It knows their types, not what they compute."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import Any

from companion.inference.backends.native.compiling import LIBRARY, SOURCES, fingerprint

MOST_ROWS = 8  # of one step; MOST_ROWS of csrc/engine.h
MOST_HEAD_SIZE = 128  # MOST_DEPTH there
WIDTH_UNIT = 16  # the width of a model must be a multiple of it


class Part(IntEnum):
    """Vectors, matrices and tables of a model, with the numbers of csrc/engine.c."""

    NORM1 = 0
    NORM2 = 1
    ATTEND = 2
    PROJECT = 3
    INNER = 4
    OUTER = 5
    LAST_NORM = 6
    HEAD = 7
    TOKENS = 8
    PLACES = 9


class Call(ctypes.Structure):
    """One token of a step, and where the tokens before it are: those shared with other sequences, then its own.

    Lengths are in tokens. The layout is that of `Call` in csrc/step.c: change both together.
    """

    _fields_ = (
        ("memory", ctypes.c_void_p),
        ("shared", ctypes.c_void_p),
        ("length", ctypes.c_int64),
        ("shared_length", ctypes.c_int64),
        ("id", ctypes.c_int64),
        ("position", ctypes.c_int64),
    )


class NotBuiltError(Exception):
    """There are no kernels for this machine; one line says why."""


_POINTER, _INT, _SIZE, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_FUNCTIONS: Mapping[str, tuple[Any, Sequence[Any]]] = {
    "companion_fingerprint": (_TEXT, []),
    "companion_open": (_POINTER, [_INT] * 6 + [_TEXT]),
    "companion_close": (None, [_POINTER]),
    "companion_kernels": (_TEXT, [_POINTER]),
    "companion_vector": (None, [_POINTER, _INT, _INT, _POINTER]),
    "companion_table": (None, [_POINTER, _INT, _POINTER]),
    "companion_matrix": (None, [_POINTER, _INT, _INT, _POINTER, _POINTER]),
    "companion_cache_bytes": (_SIZE, [_POINTER]),
    "companion_copy": (None, [_POINTER, _POINTER, _INT, _POINTER, _INT, _INT]),
    "companion_feed": (None, [_POINTER, _POINTER, _INT, _POINTER, _POINTER, _INT, _POINTER]),
    "companion_step": (None, [_POINTER, ctypes.POINTER(Call), _INT, _INT, _POINTER]),
}


@cache
def open_library() -> Any:
    """The library with its functions typed. Raises NotBuiltError when it is missing or was built from other sources."""
    if not LIBRARY.exists():
        raise NotBuiltError("its kernels are not compiled")
    try:
        library = ctypes.CDLL(str(LIBRARY))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise NotBuiltError(f"its kernels cannot be loaded: {str(error).splitlines()[0]}") from error
    if SOURCES.is_dir() and library.companion_fingerprint().decode() != fingerprint():
        raise NotBuiltError("its kernels were compiled from other sources")
    return library


def why_not() -> str:
    """Why the kernels cannot be used here; empty if they can."""
    try:
        open_library()
    except NotBuiltError as error:
        return str(error)
    return ""
