"""Damage to MIDI files, and what must hold whatever the damage is.

`python -m tests.music.files.fuzz 100000` tries so many damaged files and prints what became of them; CI tries fewer.
"""

from __future__ import annotations

import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from companion.errors import MidiFileError
from companion.music.files.songs.song_reader import song_from_bytes
from companion.music.files.songs.song_writer import song_to_bytes

DATA = Path(__file__).resolve().parents[2] / "data"
PIECES = (
    *(b"MTrk", b"MThd", b"RIFF", b"\0" * 9, b"\xf8", b"\xfe", b"\xf0", b"\xf7", b"\x90", b"\xff"),
    *(b"\xff\x2f\x00", b"\xff\x51\x03\0\0\0", b"\xff\x58\x04\0\0\0\0", b"\x80\x80\x80\x80\x80"),
    *(b"\xff\xff\xff\x7f", b"\xb0\x40\x7f", b"\xb0\0\x7f", b"\xc0\x05"),
)
SYSEX = (
    b"\x7e\x7f\x09\x01\xf7",
    b"\x41\x10\x42\x12\x40\x14\x15\x01\x16\xf7",
    b"\x43\x10\x4c\0\0\x7e\0\xf7",
    b"\1\2\3\xf7",
)
SLOWEST_SECONDS = 5.0


def seeds() -> list[bytes]:
    """The small files of the tests, and generated ones with every kind of event."""
    found = [path.read_bytes() for path in sorted(DATA.rglob("*.mid")) if path.stat().st_size < 4_000]
    found += [path.read_bytes() for path in sorted(DATA.rglob("*.rmi"))]
    return found + [generated(random.Random(seed)) for seed in range(20)]


def generated(rng: random.Random) -> bytes:
    """A sound file of random events: all channel messages, running status, sysex, meta events, other chunks."""
    division = rng.choice([24, 25, 96, 120, 220, 480, 960, 1024, 0xE728, 0xE250])
    file_format = rng.choice([0, 1, 1, 1, 2])
    chunks = []
    for _ in range(1 if file_format == 0 else rng.randint(1, 5)):
        body = b"".join(_time(rng) + _event(rng) for _ in range(rng.randint(0, 120)))
        body += _time(rng) + b"\xff\x2f\x00"
        chunks.append(b"MTrk" + struct.pack(">I", len(body)) + body)
    tracks = len(chunks)
    if rng.random() < 0.3:
        chunks.insert(rng.randrange(len(chunks) + 1), b"XFIH\0\0\0\x03abc")
    return b"MThd" + struct.pack(">IHHH", 6, file_format, tracks, division) + b"".join(chunks)


def _time(rng: random.Random) -> bytes:
    value = rng.choice([0, 0, 1, 10, 100, 127, 128, 480, 2000, 20_000])
    return (
        bytes((value >> 14 | 0x80,)) * (value >= 1 << 14)
        + bytes((value >> 7 & 0x7F | 0x80,)) * (value > 127)
        + bytes((value & 0x7F,))
    )


def _event(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.6:
        return bytes((rng.choice((0x90, 0x80)) | rng.randrange(4), rng.randint(50, 60), rng.randrange(128)))
    if kind < 0.85:
        status = rng.choice((0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0))
        data = bytes(
            rng.choice((0, 7, 10, 32, 64, 120, 121, 123, rng.randrange(128)))
            for _ in range(1 if status in (0xC0, 0xD0) else 2)
        )
        return bytes((status | rng.randrange(16),)) + data
    if kind < 0.95:
        body = {0x51: (500_000).to_bytes(3, "big"), 0x58: bytes((rng.randint(1, 12), rng.randint(0, 5), 24, 8))}
        meta = rng.choice((0x01, 0x03, 0x05, 0x06, 0x20, 0x21, 0x51, 0x58, 0x59, 0x7F))
        data = body.get(meta, rng.randbytes(rng.randrange(12)))
        return bytes((0xFF, meta, len(data))) + data
    data = rng.choice(SYSEX)
    return bytes((rng.choice((0xF0, 0xF7)), len(data))) + data


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file with some of its bytes changed, cut out, repeated, put in or cut off."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, size = rng.randrange(len(body) + 1), rng.choice((1, 1, 2, 4, 8, 40))
        match rng.randrange(7):
            case 0 if at < len(body):
                body[at] = rng.randrange(256)
            case 1 if at < len(body):
                body[at] ^= 1 << rng.randrange(8)
            case 2:
                del body[at : at + size]
            case 3:
                body[at:at] = body[at : at + size]
            case 4:
                body[at:at] = rng.choice(PIECES)
            case 5:
                body[at : at + size] = rng.randbytes(size)
            case 6 if rng.random() < 0.3:
                del body[at:]
    return bytes(body)


def outcome(data: bytes) -> str:
    """What becomes of a file: "refused", "one remark" or "sound". Raises AssertionError where that is not as it must be."""
    began = time.process_time()
    try:
        song = song_from_bytes(data)
    except MidiFileError as error:
        return "refused" if "\n" not in str(error) else "refused in more than one line"
    assert song.source is not None
    again = song_from_bytes(song_to_bytes(song))
    assert again.source is not None
    assert again.source.file == song.source.file, "events were lost or changed in writing"
    assert again.score == song.score
    bars = {len(track.bars) for track in song.score.tracks}
    assert len(bars) <= 1
    for track in song.score.tracks:
        for bar in track.bars:
            for note in bar.notes:
                assert note.onset_ticks >= 0
                assert note.duration_ticks >= 1
                assert 0 < note.velocity < 128
    assert all("\n" not in remark for remark in song.remarks)
    damage = [remark for remark in song.remarks if remark.startswith("the file is damaged")]
    assert len(damage) <= 1
    assert time.process_time() - began < SLOWEST_SECONDS, "too slow"
    return "one remark" if damage else "sound"


def cases(count: int, seed: int = 0) -> Iterator[bytes]:
    """So many damaged files, the same ones for the same seed."""
    originals = seeds()
    for number in range(count):
        rng = random.Random(seed * 1_000_003 + number)
        yield damaged(rng.choice(originals), rng)


def main(count: int, seed: int) -> None:
    """Try `count` files and print a table."""
    began = time.process_time()
    found: Counter[str] = Counter()
    slowest = 0.0
    for data in cases(count, seed):
        before = time.process_time()
        try:
            found[outcome(data)] += 1
        except Exception as error:
            found["FAILED"] += 1
            path = Path(f"/tmp/fuzz-{found['FAILED']}.mid")
            path.write_bytes(data)
            print(f"{path}: {type(error).__name__}: {error}")
            if found["FAILED"] >= 20:
                break
        slowest = max(slowest, time.process_time() - before)
    spent = time.process_time() - began
    print(f"{sum(found.values())} files in {spent:.0f} s of CPU, slowest {slowest:.2f} s: {dict(found)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
