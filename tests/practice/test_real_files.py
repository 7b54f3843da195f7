"""Files of the kinds that musicians have on disk, after public bug reports: what a player is shown and what the session gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.midi.file import read_song, to_bytes
from companion.practice.song_file import describe, load_song

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
MELODY, DRUMS = ("melody", "Acoustic Grand Piano", 8), ("drums", "Drums", 8)

# file: (bars, [(name, instrument, notes) of each part], what the one remark says or "")
RIGHT = {
    "01_pedal.mid": (4, [("Piano", "Acoustic Grand Piano", 16), ("Lead", "Sawtooth Lead", 1)], ""),
    "02_shared_channel.mid": (2, [("right hand", "Harpsichord", 8), ("left hand", "Harpsichord", 8)], ""),
    "03_running_after_meta.mid": (1, [("", "Acoustic Grand Piano", 2)], "running status"),
    "04d_cut_download.mid": (2, [MELODY, ("drums", "Drums", 6)], "the file ends inside the track"),
    "05_value_above_127.mid": (2, [MELODY], "data byte above 127"),
    "07_drums_without_note_offs.mid": (4, [("Drums", "Drums", 16), MELODY], ""),
    "08b_names_latin1.mid": (
        2,
        [("Ténor", "Acoustic Grand Piano", 8), ("Baß Gitarre für Übung", "Fingered Bass", 8)],
        "",
    ),
    "09_xg_drums_channel_4.mid": (2, [MELODY, ("Drums 4", "Drums", 8)], ""),
    "10_pickup_quarter.mid": (3, [("melody", "Acoustic Grand Piano", 9), ("drums", "Drums", 9)], ""),
    "12b_meter_three_ticks_late.mid": (5, [("melody", "Acoustic Grand Piano", 17)], ""),
    "15_program_changes.mid": (3, [("Keys", "Acoustic Grand Piano", 9), ("Keys", "Rock Organ", 3)], ""),
    "16_tempo_zero.mid": (2, [MELODY], "impossible tempos"),
    "17_riff_with_info.rmi": (2, [MELODY, DRUMS], ""),
    "18d_ppq_25_in_7_8.mid": (64, [("", "Acoustic Grand Piano", 64)], ""),
    "21_names.mid": (
        2,
        [
            ("[/red]piano[b", "Acoustic Grand Piano", 8),
            ("Гитара 🎸 ピアノ", "Celesta", 8),
            ("\\x1b[2J\\x1b]0;owned\\x07bass", "Drawbar Organ", 8),
            ("two\\nlines\\tand tab", "Nylon Guitar", 8),
            (300 * "x", "Acoustic Bass", 8),
        ],
        "",
    ),
    "25_silent_end.mid": (8, [("melody", "Acoustic Grand Piano", 16), ("drums", "Drums", 16)], ""),
    "26_empty_track.mid": (4, [("melody", "Acoustic Grand Piano", 16), ("Bass", "Fingered Bass", 0)], ""),
}


def test_every_case_has_its_right_value():
    assert set(RIGHT) == {path.name for path in CASES.glob("*.*") if path.suffix in (".mid", ".rmi")}


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_plays_as_a_musician_expects(name):
    bars, parts, remark = RIGHT[name]
    found = load_song(CASES / name)
    assert found.song.score.bar_count == bars
    assert [(part.name, part.instrument, part.notes) for part in found.parts] == parts
    assert len(found.remarks) == bool(remark)
    assert remark in "".join(found.remarks)
    assert all(line.isprintable() for line in describe(found))


@pytest.mark.parametrize("name", RIGHT)
def test_every_event_comes_back(name):
    song = read_song(CASES / name)
    again = read_song(to_bytes(song))
    assert song.source is not None
    assert again.source is not None
    assert again.source.file == song.source.file
    assert again == song


@pytest.mark.parametrize(
    ("name", "bar", "beats"), [("12b_meter_three_ticks_late.mid", 2, 8.0), ("18d_ppq_25_in_7_8.mid", 63, 63 * 3.5)]
)
def test_bars_begin_where_the_file_has_them(name, bar, beats):
    bars = load_song(CASES / name).song.score.tracks[0].bars
    assert sum(float(each.time_signature.beats) for each in bars[:bar]) == beats
    song = read_song(CASES / name)
    assert song.bar_starts[bar] == beats * 480


def test_the_pedal_lengthens_what_the_model_sees():
    piano = load_song(CASES / "01_pedal.mid").song.score.tracks[0]
    assert {note.duration_ticks for note in piano.bars[0].notes} == {1860}


def test_a_drum_without_note_off_lasts_a_sixteenth():
    drums = load_song(CASES / "07_drums_without_note_offs.mid").song.score.tracks[0]
    assert {note.duration_ticks for bar in drums.bars for note in bar.notes} == {120}
