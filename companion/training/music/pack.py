"""Unpacks an archive of music (.tar, .tar.gz, .tar.xz) into a folder, once."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

from companion.errors import TrainingError


def music_folder(source: Path, unpacked: Path) -> Path:
    """Return `source` itself if it is a folder. A tar archive is unpacked to `unpacked` on first use, which is then returned.

    Raises TrainingError for anything else, for a broken archive, and for an archive that would write outside its folder.
    """
    if source.is_dir():
        return source
    if not source.is_file():
        raise TrainingError(f"no such data folder: {source}")
    if not unpacked.is_dir():
        _unpack(source, unpacked)
    inside = [path for path in unpacked.iterdir() if not path.name.startswith(".")]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked


def _unpack(source: Path, unpacked: Path) -> None:
    partial = unpacked.with_name(f".{unpacked.name}.{os.getpid()}.part")
    try:
        with tarfile.open(source) as archive:
            _extract(archive, partial)
        os.replace(partial, unpacked)
    except (tarfile.TarError, EOFError) as error:
        raise TrainingError(f"{source}: neither a folder nor a tar archive that can be read ({error})") from None
    except OSError as error:
        raise TrainingError(f"cannot unpack {source} into {unpacked}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack everything, but nothing outside `folder`.

    The library's own filter ensures this from Python 3.10.12 and 3.11.4 on. Older versions unpack only plain files and folders.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    inside = folder.resolve()
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} is neither a file nor a folder")
        if not (inside / member.name).resolve().is_relative_to(inside):
            raise tarfile.TarError(f"{member.name!r} would be outside the destination")
    archive.extractall(folder)
