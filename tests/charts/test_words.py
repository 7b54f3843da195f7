"""Songs with words: ChordPro, chords above the words, and files as other programs encode them."""

import pytest

from companion.charts.reader import parse_chart, read_chart
from companion.errors import ChartError

SYMBOLS = "| C | D° | Fø | G7 |"


def played(text):
    return " ".join("+".join(chord.symbol for chord in bar.chords) for bar in parse_chart(text).bars)


def test_chordpro():
    chart = parse_chart("{title: A song}\n{key: G}\n{time: 3/4}\n[G]Some [C]mine, and [D7]more of [G]them\n")
    assert (chart.title, chart.key, str(chart.bars[0].time_signature)) == ("A song", "G", "3/4")
    assert [bar.chords[0].symbol for bar in chart.bars] == ["G", "C", "D7", "G"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{t: x}\n{soc}\n[C]one [G]two\n{eoc}\n[Am]three\n{chorus}", "C G Am C G"),
        ("{t: x}\n{transpose: 2}\n[C]one [G7]two", "D A7"),
        ("{t: x}\n{start_of_grid}\n| G . . . | C . D . |\n{end_of_grid}", "G C+D"),
        ("{t: x}\n{sot}\ne|--0--|\n{eot}\n{comment: slow}\n[C]la [*soft] la", "C"),
        ("[C]no directives [Dm7]at all", "C Dm7"),
        ("My song\nC     G7\nhello there\n\n[Bridge]\nAm F x2\nend of it", "C G7 Am F Am F"),
        ("Key: G\nG  D/F#\nall of these", "G D/F#"),
    ],
)
def test_chords_with_words(text, expected):
    assert played(text) == expected


def test_sections_of_songs_with_words():
    assert parse_chart("{t: x}\n{sov}\n[C]one\n{eov}\n{soc: Refrain}\n[F]two").sections == (
        (0, "Verse"),
        (1, "Refrain"),
    )
    assert parse_chart("A title\n\n[Verse 1]\nC G\nwords").title == "A title"


def test_a_line_that_may_be_chords_or_words_is_asked_about():
    with pytest.raises(ChartError, match=r"song line 2: 'C G7 Am oops' may be chords or words"):
        parse_chart("C G\nC G7 Am oops", "song")
    with pytest.raises(ChartError, match="line 2, bar 1: chord 'Xyz'"):
        parse_chart("{t: x}\n[Xyz]word [C]word")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_sensible_encoding(tmp_path, encoding):
    path = tmp_path / "chart.txt"
    path.write_bytes(f"Title: Été à la plage\n{SYMBOLS}".encode(encoding))
    chart = read_chart(path)
    assert chart.title == "Été à la plage"
    assert [bar.chords[0].chord.intervals for bar in chart.bars][1:3] == [(0, 3, 6), (0, 3, 6, 10)]


@pytest.mark.parametrize("title", ["夏の終わり", "枯葉", "サマータイム"])
def test_japanese(tmp_path, title):
    path = tmp_path / "chart.txt"
    path.write_bytes(f"Title: {title}\n| C | G7 |".encode("shift-jis"))
    assert read_chart(path).title == title


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\xd8", b"chart\0", bytes(range(256))])
def test_what_is_no_text_is_one_line(tmp_path, data):
    path = tmp_path / "chart.txt"
    path.write_bytes(data)
    with pytest.raises(ChartError, match="not a text file"):
        read_chart(path)
