from __future__ import annotations

import io
import resource
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest

from companion.errors import TrainingError
from companion.training.config import DataSettings
from companion.training.music.corpus import load_corpus, song_from_score
from companion.training.music.listing import Entry, list_split
from companion.training.music.pack import music_folder
from companion.training.run.files import save_tensors, write_whole
from tests.training.support import make_score


def test_a_window_gives_back_the_notes_of_the_score() -> None:
    score = make_score(3)
    window = song_from_score(score).window(4, 8, [2, 0])
    assert [track.is_drum for track in window.tracks] == [False, True]
    assert [track.bars for track in window.tracks] == [score.tracks[2].bars[4:12], score.tracks[0].bars[4:12]]


def test_transposition_moves_melodic_tracks_only_and_velocities_stay_legal() -> None:
    score = make_score(3)
    moved = song_from_score(score).window(0, 4, [0, 1], shift=5, scale=2.0)
    for track, before in zip(moved.tracks, score.tracks, strict=False):
        pairs = [
            (new, old)
            for a, b in zip(track.bars, before.bars, strict=False)
            for new, old in zip(a.notes, b.notes, strict=True)
        ]
        assert all(new.pitch - old.pitch == (0 if track.is_drum else 5) for new, old in pairs)
        assert all(new.velocity == 127 for new, _ in pairs)


def test_the_cache_holds_what_was_read(music: Path, tmp_path: Path) -> None:
    entries = list_split(music, "train", DataSettings())
    first = load_corpus(music, entries, tmp_path, readers=1)
    said: list[str] = []
    second = load_corpus(music, entries, tmp_path, readers=1, report=said.append)
    assert said == []
    assert len(first.songs) == len(entries)
    for song, again in zip(first.songs, second.songs, strict=True):
        assert np.array_equal(song.notes, again.notes)
        assert np.array_equal(song.cells, again.cells)
        assert song.window(0, 4, [0, 1, 2]) == again.window(0, 4, [0, 1, 2])


def test_broken_files_are_counted_and_named_and_the_rest_is_read(music: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    good = sorted(music.glob("*.mid"))[:6]
    for path in good:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "noise.mid").write_bytes(bytes(range(256)))
    (folder / "short.mid").write_bytes(good[0].read_bytes()[:40])
    (folder / "empty.mid").write_bytes(b"")
    entries = [Entry("music", path.name) for path in sorted(folder.iterdir())]
    corpus = load_corpus(folder, entries, tmp_path / "cache")
    assert len(corpus.songs) == 6
    assert sorted(Path(line.split(":")[0]).name for line in corpus.broken) == ["empty.mid", "noise.mid", "short.mid"]


@pytest.mark.parametrize("content", [{}, {"a.txt": "no music"}])
def test_a_folder_without_music_is_refused(tmp_path: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError, match="no MIDI file"):
        list_split(tmp_path, "train", DataSettings())
    with pytest.raises(TrainingError, match="no such data folder"):
        list_split(tmp_path / "nowhere", "train", DataSettings())


def test_splits_by_name_are_disjoint_and_weights_share_out_the_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(60):
            (tmp_path / name / f"{number}.mid").touch()
    paths = {
        split: {entry.path for entry in list_split(tmp_path, split, DataSettings(max_files=0))}
        for split in ("train", "valid", "test")
    }
    assert sum(map(len, paths.values())) == len(set().union(*paths.values())) == 120
    chosen = list_split(tmp_path, "train", DataSettings(max_files=20, weights={"a": 3, "b": 1}))
    assert [sum(entry.dataset == name for entry in chosen) for name in "ab"] == [15, 5]
    assert chosen == list_split(tmp_path, "train", DataSettings(max_files=20, weights={"a": 3, "b": 1}))


def test_a_table_of_splits_decides_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    head = "dataset\tfile\tsplit\tbars\tn_ts\n"
    rows = "x\ta.mid\ttrain\t32\t1\nx\tb.mid\ttrain\t4\t1\nx\tc.mid\ttrain\t32\t9\nx\td.mid\tvalid\t32\t1\n"
    (tmp_path / "splits.tsv").write_text(head + rows)
    assert [entry.path for entry in list_split(tmp_path, "train", DataSettings())] == ["x/a.mid"]
    (tmp_path / "splits.tsv").write_text("what\nelse\n")
    with pytest.raises(TrainingError, match=r"splits\.tsv"):
        list_split(tmp_path, "train", DataSettings())


def test_a_disk_that_takes_no_more_is_said_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_tensors(path, {"step": 1})
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot write .*state\.pt"):
            save_tensors(path, {"weights": bytes(1 << 20)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_torch_says_of_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    """Its archive writer names no cause: "[enforce fail at inline_container.cc:672] . unexpected pos 11648 vs 11542"."""

    def fail(partial: Path) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 11648 vs 11542")

    with pytest.raises(TrainingError, match="the disk is full; what was saved before is untouched"):
        write_whole(tmp_path / "state.pt", fail)


def test_a_table_of_splits_with_a_field_without_end_is_named(tmp_path: Path) -> None:
    (tmp_path / "splits.tsv").write_text("dataset\tfile\tsplit\tbars\tn_ts\n" + "x" * 200_000)
    with pytest.raises(TrainingError, match="not a table of splits"):
        list_split(tmp_path, "train", DataSettings())


@pytest.fixture(params=["the library's filter", "an older Python"])
def any_python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python before 3.10.12 and 3.11.4 does not know what an archive may not do."""
    if request.param == "an older Python":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("any_python")
def test_an_archive_is_unpacked_once_and_a_bad_one_is_named(music: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack.tar.xz"
    with tarfile.open(pack, "w:xz") as archive:
        archive.add(music, "music")
    folder = music_folder(pack, tmp_path / "unpacked")
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in music.iterdir())
    pack.write_bytes(b"gone")
    assert music_folder(pack, tmp_path / "unpacked") == folder
    with pytest.raises(TrainingError, match=r"pack\.tar\.xz"):
        music_folder(pack, tmp_path / "again")
    with pytest.raises(TrainingError, match="no such"):
        music_folder(tmp_path / "nowhere", tmp_path / "again")


@pytest.mark.usefixtures("any_python")
@pytest.mark.parametrize("name", ["../escaped.mid", "in/../../escaped.mid", "in/link"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    pack = tmp_path / "evil.tar"
    with tarfile.open(pack, "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        if name == "in/link":
            member.type, member.linkname, member.size = tarfile.SYMTYPE, str(tmp_path / "escaped.mid"), 0
        archive.addfile(member, io.BytesIO(b"MThd"))
    with pytest.raises(TrainingError, match=r"evil\.tar"):
        music_folder(pack, tmp_path / "deep" / "unpacked")
    assert not list(tmp_path.rglob("escaped.mid"))
