"""Pairing: which machines may use an engine, and with which keys. All keys are CURVE keys (X25519), written in ZeroMQ's Z85.

The machine with the engine is the host; a machine that plays with it is a guest. The host makes a token: its own public key and
a one-time secret. The guest reads the token once. At its first connection it proves the secret and names a key that it
has made itself; from then on the host knows that key, and the secret is void. A token that is not used expires after a day.

Keys lie in the user's configuration folder, in files that only the user may read (0600). Times are seconds since 1970.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from companion.errors import CompanionError, UsageError
from companion.runtime.remote_engine.curve import new_keys, public_of, to_bytes, to_text

KEYS_VARIABLE = "COMPANION_KEYS"  # another folder for the keys
TOKEN_PREFIX = "CE1."
TOKEN_LIFE_SECONDS = 24 * 3600.0
SECRET_BYTES, CHECK_BYTES, KEY_BYTES = 16, 4, 32
MAX_NAME = 40
MAX_FILE_BYTES = 1_000_000


class Guest(msgspec.Struct):
    """A key that the host lets in. expires: of a one-time key; 0 for a machine that is paired."""

    public: str
    name: str = ""
    expires: float = 0.0


class HostKeys(msgspec.Struct):
    """The host's file."""

    public: str = ""
    secret: str = ""
    guests: list[Guest] = msgspec.field(default_factory=list)


class Pairing(msgspec.Struct):
    """The guest's side of one pairing. token_secret: the secret key of the token, "" once the host knows our own key."""

    host_public: str
    public: str
    secret: str
    token_secret: str = ""
    address: str = ""


class GuestKeys(msgspec.Struct):
    """The guest's file; the newest pairing is last."""

    pairings: list[Pairing] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token holds. secret: the one-time secret key."""

    host_public: str
    secret: str


def keys_folder() -> Path:
    """Where the keys are kept."""
    if folder := os.environ.get(KEYS_VARIABLE):
        return Path(folder)
    return platformdirs.user_config_path("companion") / "engine"


def write_token(host_public: str, seed: bytes) -> str:
    """The token as text: short enough to be pasted, with a check against slips."""
    content = to_bytes(host_public) + seed
    return TOKEN_PREFIX + base64.urlsafe_b64encode(content + _check(content)).decode().rstrip("=")


def read_token(text: str) -> Token:
    """The inverse of `write_token`. Raises UsageError."""
    body = "".join(text.split()).removeprefix(TOKEN_PREFIX)
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        content = b""
    key, check = content[:-CHECK_BYTES], content[-CHECK_BYTES:]
    if len(key) != KEY_BYTES + SECRET_BYTES or check != _check(key):
        raise UsageError(
            "this is no pairing token, or a part of it is missing: copy the whole line that begins with CE1."
        )
    return Token(to_text(key[:KEY_BYTES]), _secret_of(key[KEY_BYTES:]))


def _check(content: bytes) -> bytes:
    return hashlib.sha256(b"companion token" + content).digest()[:CHECK_BYTES]


def _secret_of(seed: bytes) -> str:
    """The one-time secret key that follows from a token's secret."""
    return to_text(hashlib.sha256(b"companion one-time key" + seed).digest())


class HostStore:
    """The host's keys: its own, and those of the guests that it lets in."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or keys_folder()) / "host.json"
        self._read_at: tuple[int, int] = (-1, -1)
        self._known = HostKeys()

    def own_keys(self) -> tuple[str, str]:
        """(public, secret); made at the first call. Raises CompanionError if the file cannot be used."""
        keys = self._current()
        if not keys.secret:
            with _changing(self._path, HostKeys) as keys:
                if not keys.secret:
                    keys.public, keys.secret = new_keys()
        if not (_is_key(keys.public) and _is_key(keys.secret)):
            raise CompanionError(f"{self._path}: damaged; delete it and pair again (companion engine --pair)")
        return keys.public, keys.secret

    def new_token(self, now: float) -> str:
        """A token for one machine, from now on valid for a day."""
        self.own_keys()
        seed = secrets.token_bytes(SECRET_BYTES)
        with _changing(self._path, HostKeys) as keys:
            keys.guests = [guest for guest in keys.guests if not guest.expires or guest.expires > now]
            keys.guests.append(Guest(public_of(_secret_of(seed)), expires=now + TOKEN_LIFE_SECONDS))
        return write_token(keys.public, seed)

    def guest(self, public: str, now: float) -> Guest | None:
        """The guest with this key, if it may come in."""
        found = next((guest for guest in self._current().guests if guest.public == public), None)
        return None if found is None or (found.expires and found.expires <= now) else found

    def exchange(self, one_time: str, own: str, name: str, now: float) -> bool:
        """A guest that came with a token names its own key. False if the token is void or the key is none."""
        if not _is_key(own):
            return False
        with _changing(self._path, HostKeys) as keys:
            token = next((guest for guest in keys.guests if guest.public == one_time and guest.expires > now), None)
            if token is None:
                return False
            keys.guests.remove(token)
            keys.guests = [guest for guest in keys.guests if guest.public != own]
            keys.guests.append(Guest(own, name[:MAX_NAME]))
        return True

    def guests(self) -> list[Guest]:
        """Every paired machine and every open token."""
        return list(self._current().guests)

    def forget(self, name: str) -> int:
        """Unpair the machines of this name, or with "" void all open tokens. Returns how many there were."""
        with _changing(self._path, HostKeys) as keys:
            leaving = [guest for guest in keys.guests if guest.name == name]
            keys.guests = [guest for guest in keys.guests if guest.name != name]
        return len(leaving)

    def _current(self) -> HostKeys:
        """The file's content, read again when it has changed."""
        try:
            status = self._path.stat()
        except OSError:
            self._read_at, self._known = (-1, -1), HostKeys()
            return self._known
        stamp = status.st_mtime_ns, status.st_ino
        if stamp != self._read_at:
            self._known, self._read_at = _read(self._path, HostKeys), stamp
        return self._known


class GuestStore:
    """The guest's pairings."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or keys_folder()) / "guest.json"

    def accept(self, text: str) -> None:
        """Keep a token's pairing; a key of our own is made for it. Raises UsageError."""
        token = read_token(text)
        public, secret = new_keys()
        with _changing(self._path, GuestKeys) as keys:
            keys.pairings = [pairing for pairing in keys.pairings if pairing.host_public != token.host_public]
            keys.pairings.append(Pairing(token.host_public, public, secret, token.secret))

    def candidates(self, address: str) -> list[Pairing]:
        """The pairings to try at an address, likeliest first: the one last used there, then those used nowhere, newest first."""
        pairings = reversed(_read(self._path, GuestKeys).pairings)
        newest_first = [each for each in pairings if all(map(_is_key, (each.host_public, each.public, each.secret)))]
        return sorted(newest_first, key=lambda pairing: (pairing.address != address, bool(pairing.address)))

    def confirm(self, host_public: str, address: str) -> None:
        """The host at this address knows our own key: the token's secret is no longer needed."""
        with _changing(self._path, GuestKeys) as keys:
            for pairing in keys.pairings:
                if pairing.host_public == host_public:
                    pairing.token_secret, pairing.address = "", address


# --- files -------------------------------------------------------------------------------------------------------------

_Content = TypeVar("_Content", HostKeys, GuestKeys)


def _read(path: Path, kind: type[_Content]) -> _Content:
    try:
        data = path.read_bytes()[:MAX_FILE_BYTES]
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise CompanionError(f"{path}: {error.strerror}") from None
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        raise CompanionError(f"{path}: damaged; delete it and pair again (companion engine --pair)") from None


@contextmanager
def _changing(path: Path, kind: type[_Content]) -> Iterator[_Content]:
    """Read, change and write a file as one step, also where two processes do so at once. Raises CompanionError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise CompanionError(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = _read(path, kind)
        yield content
        new = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content), indent=1))
        os.replace(new, path)
    except OSError as error:
        raise CompanionError(f"{path}: {error.strerror}") from None
    finally:
        os.close(lock)


def _is_key(text: str) -> bool:
    try:
        return len(to_bytes(text)) == KEY_BYTES
    except ValueError:
        return False
