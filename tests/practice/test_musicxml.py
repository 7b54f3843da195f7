"""MusicXML: parts, chords and form, as the score says them."""

from pathlib import Path

import pytest

from companion.errors import ChartError
from companion.practice.musicxml import read_musicxml
from companion.practice.song_file import load_song

pytest.importorskip("music21")

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0"><work><work-title>Prélude</work-title></work>'
PARTS = '<part-list><score-part id="P1"><part-name>Lead</part-name></score-part></part-list>'


def harmony(step, kind, alter=0, degrees=""):
    altered = f"<root-alter>{alter}</root-alter>" if alter else ""
    return f"<harmony><root><root-step>{step}</root-step>{altered}</root><kind>{kind}</kind>{degrees}</harmony>"


def note(step, octave, quarters, tie=""):
    return (
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{quarters}</duration>{tie}</note>"
    )


def written(folder: Path, *measures: str, name: str = "tune.musicxml") -> Path:
    first = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    body = "".join(
        f'<measure number="{number}">{first if number == 1 else ""}{content}</measure>'
        for number, content in enumerate(measures, 1)
    )
    path = folder / name
    path.write_text(f'{HEAD}{PARTS}<part id="P1">{body}</part></score-partwise>', encoding="utf-8")
    return path


FLAT_NINE = (
    "<degree><degree-value>9</degree-value><degree-alter>-1</degree-alter><degree-type>add</degree-type></degree>"
)
BACK = '<barline location="right"><repeat direction="backward"/></barline>'


def test_chords_parts_and_repeats(tmp_path):
    song = read_musicxml(
        written(
            tmp_path,
            harmony("B", "major-seventh", -1) + note("D", 5, 4),
            harmony("F", "half-diminished", 1)
            + note("C", 5, 2)
            + harmony("E", "dominant", 0, FLAT_NINE)
            + note("D", 5, 2)
            + BACK,
            harmony("A", "minor-sixth") + note("A", 4, 4),
        )
    )
    assert song.title == "Prélude"
    assert song.chords[:3] == ((0, 0.0, "Bbmaj7"), (1, 0.0, "F#m7b5"), (1, 2.0, "E7(b9)"))
    assert [bar for bar, _, _ in song.chords] == [0, 1, 1, 2, 3, 3, 4]
    (lead,) = song.score.tracks
    assert lead.name == "Lead"
    assert [note.pitch for note in lead.bars[3].notes] == [72, 74]


def test_ties_are_one_note_and_bars_keep_their_number(tmp_path):
    tied = note("C", 5, 4, '<tie type="start"/>'), note("C", 5, 4, '<tie type="stop"/>')
    song = load_song(written(tmp_path, *tied)).song
    assert [[note.duration_ticks for note in bar.notes] for bar in song.score.tracks[0].bars] == [[3840], []]


def test_a_lead_sheet_without_notes_is_a_chart(tmp_path):
    rest = "<note><rest/><duration>4</duration></note>"
    song = load_song(written(tmp_path, harmony("D", "minor-seventh") + rest, harmony("G", "dominant") + rest)).song
    assert [symbol for _, _, symbol in song.chords] == ["Dm7", "G7"]
    assert song.score.tracks[0].name == "Chords"
    assert song.score.tracks[0].bars[1].notes


@pytest.mark.parametrize(
    ("content", "fault"),
    [("<score-partwise>", "cannot be read as MusicXML"), ("no xml", "MusicXML"), ("", "MusicXML")],
)
def test_what_is_no_score_is_said_in_one_line(tmp_path, content, fault):
    path = tmp_path / "bad.musicxml"
    path.write_text(content)
    with pytest.raises(ChartError, match=fault) as error:
        read_musicxml(path)
    assert "\n" not in str(error.value)
    with pytest.raises(ChartError, match="cannot be read"):
        read_musicxml(tmp_path / "missing.mxl")
