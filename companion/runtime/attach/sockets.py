"""Where performances listen for screens: one socket for each process, in a folder of the runtime directory that only its user can enter.

A socket is first made under another name and gets its own name once it listens. Whatever has that name and refuses a connection
was therefore left behind by a process that died, and is removed.
"""

from __future__ import annotations

import os
import socket
import stat
import warnings
from contextlib import suppress
from pathlib import Path

import platformdirs

from companion.errors import CompanionError

FOLDER_MODE, SOCKET_MODE = 0o700, 0o600
SUFFIX = ".sock"
CONNECT_SECONDS = 2.0
_WAITING = 8  # connections that wait to be accepted


def screens_dir() -> Path:
    """The folder of the sockets. It need not exist. Raises CompanionError if nothing private can be had."""
    with warnings.catch_warnings():
        # Without a runtime directory, platformdirs falls back to a folder in /tmp, and says so.
        warnings.simplefilter("ignore")
        try:
            return platformdirs.user_runtime_path("companion") / "screens"
        except OSError as error:  # somebody else has made a folder of that name in /tmp
            raise CompanionError(f"no folder for screens: {error}") from None


def listen() -> tuple[socket.socket, Path]:
    """Make this process's socket. Returns it and its path. Raises CompanionError where that is not possible."""
    folder = screens_dir()
    try:
        _make_private(folder)
        running()  # removes what dead processes have left
        path = folder / f"{os.getpid()}{SUFFIX}"
        temporary = folder / f"{os.getpid()}.new"
        temporary.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(temporary))
            temporary.chmod(SOCKET_MODE)
            listener.listen(_WAITING)
            temporary.rename(path)
        except OSError:
            listener.close()
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CompanionError(f"{folder}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener, path


def running() -> dict[int, Path]:
    """The sockets of performances that run, by process id. Sockets that nobody listens at are removed. Raises CompanionError."""
    found: dict[int, Path] = {}
    for path in sorted(screens_dir().glob(f"*{SUFFIX}")):
        if not path.stem.isdecimal():
            continue
        try:
            connect(path).close()
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()
        except OSError:
            continue  # it ended just now, or somebody else's
        else:
            found[int(path.stem)] = path
    return found


def connect(path: Path) -> socket.socket:
    """A connection to a performance. Raises OSError."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.settimeout(CONNECT_SECONDS)
    try:
        end.connect(str(path))
    except OSError:
        end.close()
        raise
    return end


def _make_private(folder: Path) -> None:
    """Make the folder, and refuse one that others could have put there or could change. Raises OSError, CompanionError."""
    old_mask = os.umask(0o077)
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    finally:
        os.umask(old_mask)
    for each in (folder, *folder.parents[:2]):
        found = each.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise CompanionError(f"{each} does not belong to you alone")
    folder.chmod(FOLDER_MODE)
