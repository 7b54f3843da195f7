"""Finds checkpoints by name: first those shipped with the package, then those on the Hugging Face hub, through its cache.

A name is a family (yellow, prism) or a family with its size (yellow_medium). Files on the hub are called `<name>.pt` (the first
generation), `<name>-final.safetensors` or `<name>-step<N>.safetensors`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import CheckpointError

if TYPE_CHECKING:
    from huggingface_hub import CachedFileInfo


class UnknownCheckpointError(CheckpointError):
    """No checkpoint has this name or path. This is a usage error, unlike a broken file."""

    exit_status = 2


HUB_REPOSITORY = "Metacreation/MIDI-GPT"
SHIPPED_FOLDER = Path(__file__).resolve().parents[2] / "checkpoints"
SUFFIXES = (".pt", ".safetensors")
CONNECT_SECONDS = 4.0
# A family's name without a size stands for its fastest size, because that one is most likely to play in time.
SIZES = ("mini", "small", "medium", "large")
LICENCE = (
    f"the weights of {HUB_REPOSITORY} are published under a licence of their own, for non-commercial use only: "
    f"see https://huggingface.co/{HUB_REPOSITORY}"
)
_CHUNK_BYTES = 1 << 20


def _print_line(line: str) -> None:
    print(line, file=sys.stderr)


def find_checkpoint(name: str | Path) -> Path:
    """Return the file of a path, a shipped checkpoint, or a checkpoint on the hub (downloaded when it is not cached).

    Raises CheckpointError saying what was looked for and where.
    """
    path = Path(name)
    if path.exists():
        return path
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        raise UnknownCheckpointError(f"{path}: no such checkpoint file")
    return shipped_checkpoint(str(name)) or cached_checkpoint(str(name)) or pull_checkpoint(str(name))


def shipped_checkpoint(name: str) -> Path | None:
    """The shipped file of that name; `yellow_20m` is `yellow.pt` where `yellow_mini.pt` lies beside it (see `family`)."""
    found = _shipped_file(name)
    family = name.removesuffix("_20m")
    if found is None and family != name and _shipped_file(f"{family}_mini") is not None:
        return _shipped_file(family)
    return found


def _shipped_file(name: str) -> Path | None:
    files = (SHIPPED_FOLDER / f"{name}{suffix}" for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def shipped_checkpoints() -> list[Path]:
    """Every shipped checkpoint, by name."""
    return sorted(file for suffix in SUFFIXES for file in SHIPPED_FOLDER.glob(f"*{suffix}"))


def installed_checkpoints() -> list[Path]:
    """Shipped checkpoints, then those in the hub's cache."""
    newest = {file.file_name: file.file_path for file in reversed(_cached_files(HUB_REPOSITORY))}
    return [*shipped_checkpoints(), *(newest[name] for name in sorted(newest) if name.endswith(SUFFIXES))]


def choose_file(name: str, files: Iterable[str]) -> str | None:
    """The file that `name` stands for; None if there is none.

    The order is `<name>.pt`, `<name>-final.safetensors`, then the highest `<name>-step<N>`. If none of these exists, the same
    order applies to `<name>_<size>`, smallest size first.
    """
    available = set(files)
    for candidate in (name, *(f"{name}_{size}" for size in SIZES)):
        found = _exact_file(candidate, available)
        if found is not None:
            return found
    return None


def _exact_file(name: str, available: set[str]) -> str | None:
    for candidate in (f"{name}.pt", f"{name}-final.safetensors", f"{name}.safetensors"):
        if candidate in available:
            return candidate
    pattern = re.compile(re.escape(name) + r"-step(\d+)\.safetensors")
    steps = [(int(match.group(1)), file) for file in available if (match := pattern.fullmatch(file))]
    return max(steps)[1] if steps else None


def pull_checkpoint(name: str, repository: str | None = None, say: Callable[[str], object] = _print_line) -> Path:
    """Download a checkpoint by name, or find it in the hub's cache when offline. Raises CheckpointError.

    An interrupted download continues where it stopped. The file is compared with the hash that the hub states. say: called with
    the weights' licence before anything is downloaded.
    """
    import logging

    from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    repository = repository or HUB_REPOSITORY
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it logs each retry; the user should see one line
    if not _hub_answers():
        return _cached(name, repository, "the hub cannot be reached")
    try:
        files = HfApi(endpoint=os.environ.get("HF_ENDPOINT")).list_repo_files(repository)
        chosen = choose_file(name, files)
        if chosen is None:
            raise CheckpointError(
                f"no checkpoint {name!r} in {repository} (it has {_names(files)}) nor shipped ({_shipped_names()})"
            )
        new = not isinstance(try_to_load_from_cache(repository, chosen, constants.HF_HUB_CACHE), str)
        if new and repository == HUB_REPOSITORY:
            say(LICENCE)
        path = Path(hf_hub_download(repository, chosen, endpoint=os.environ.get("HF_ENDPOINT")))
        _check_hash(path)
        return path
    except GatedRepoError:
        raise CheckpointError(
            f"{repository} is gated: accept its terms on its page, then log in with `hf auth login`, and try again"
        ) from None
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"the hub has no repository {repository} (or it is private); shipped: {_shipped_names()}"
        ) from None
    except EntryNotFoundError as error:
        if not isinstance(error, LocalEntryNotFoundError):
            raise CheckpointError(f"{repository} lists {name!r} but does not hold its file") from None
        return _cached(name, repository, "the hub cannot be reached")
    except OfflineModeIsEnabled:
        return _cached(name, repository, "offline mode is on (HF_HUB_OFFLINE)")
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise CheckpointError(
                f"{repository} is private or does not exist, or your hub login is not valid"
            ) from None
        return _cached(name, repository, f"the hub answered with an error ({status})")
    except CheckpointError:
        raise
    except Exception as error:  # connection faults come from whichever HTTP library the hub client uses
        return _cached(name, repository, f"the hub cannot be reached ({type(error).__name__})")


def _hub_answers() -> bool:
    """Whether a connection to the hub can be opened. The client itself would try for half a minute.

    Returns True where a proxy or offline mode decides instead.
    """
    # What a download needs is imported for a download: TLS alone would cost every process that looks for a shipped file 5 MB.
    import socket
    import urllib.parse
    import urllib.request

    if urllib.request.getproxies() or os.environ.get("HF_HUB_OFFLINE"):
        return True
    address = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _check_hash(path: Path) -> None:
    """Check that a file in the hub's cache has the content that the hub stated. If not, delete it and raise CheckpointError.

    The cache names content by the hub's entity tag: SHA-256 for large files, git's SHA-1 for small ones.
    """
    import hashlib

    blob = path.resolve()
    stated = blob.name.lower()
    if re.fullmatch(r"[0-9a-f]{64}", stated):
        digest = hashlib.sha256()
    elif re.fullmatch(r"[0-9a-f]{40}", stated):
        digest = hashlib.sha1(f"blob {blob.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        return
    with blob.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != stated:
        path.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path.name} arrived damaged (its hash is not the one that the hub states): pull it again"
        )


def cached_checkpoint(name: str, repository: str = HUB_REPOSITORY) -> Path | None:
    """The newest downloaded file that `name` stands for. Contacts no host."""
    files = _cached_files(repository)
    chosen = choose_file(name, (file.file_name for file in files))
    return next((file.file_path for file in files if file.file_name == chosen), None)


def _cached(name: str, repository: str, why: str) -> Path:
    """The downloaded file, or the reason why there is none."""
    found = cached_checkpoint(name, repository)
    if found is not None:
        return found
    raise UnknownCheckpointError(f"checkpoint {name!r} is not shipped ({_shipped_names()}) nor downloaded, and {why}")


def _cached_files(repository: str) -> list[CachedFileInfo]:
    """The files of a repository that the hub's cache holds, newest first."""
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (CacheNotFound, ValueError, OSError):
        return []
    revisions = [revision for found in repositories if found.repo_id == repository for revision in found.revisions]
    revisions.sort(key=lambda revision: revision.last_modified, reverse=True)
    return [file for revision in revisions for file in sorted(revision.files, key=lambda file: file.file_name)]


def _names(files: Iterable[str]) -> str:
    names = sorted(
        {re.sub(r"(-final|-step\d+)?\.(pt|safetensors)$", "", file) for file in files if file.endswith(SUFFIXES)}
    )
    return ", ".join(names) or "none"


def _shipped_names() -> str:
    return ", ".join(file.stem for file in shipped_checkpoints()) or "none"
