"""iReal Pro: links and pages are read back as the charts that they hold."""

import html
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.charts.imports.ireal import choose_song, read_playlist, song_text, turned, unscramble
from companion.charts.imports.ireal_cells import chart_text
from companion.charts.reader import parse_chart, read_chart
from companion.cli.main import run
from companion.errors import ChartError

SIGNS = "*A{T44C^7   |A-7   |D-9   |G7#5   }*B[D-7 G7 |C6,A7,D-7,G7|x   |    |N1F7   |N2r|    |<D.C. al Fine>   Z"


def scrambled(signs):
    """The inverse of the import, from the public description of the format."""
    for short, meant in (("XyQ", "   "), ("LZ", " |"), ("Kcl", "| x")):
        signs = signs.replace(meant, short)
    pieces = []
    while len(signs) > 51:
        pieces.append(turned(signs[:50]))
        signs = signs[50:]
    return "1r34LbKcu7" + "".join((*pieces, signs))


def link(*songs, playlist="My tunes"):
    fields = (
        f"{title}=Writer Some=={style}={key}=={scrambled(signs)}=Jazz-Medium Swing={bpm}=3"
        for title, style, key, signs, bpm in songs
    )
    return "irealb://" + quote("===".join((*fields, playlist)))


def played(signs):
    text = "\n".join(chart_text(signs))
    return " ".join("+".join(chord.symbol for chord in bar.chords) for bar in parse_chart(text).bars)


@given(st.text(alphabet="ABCDEFG7-^|{}[] xr,T4Z*<>()sQSN12", max_size=200))
def test_scrambling_is_undone(signs):
    for pair in ("XyQ", "LZ", "Kcl"):
        signs = signs.replace(pair, "")
    assert unscramble(scrambled(signs).removeprefix("1r34LbKcu7")) == signs


@given(st.text(alphabet="ABCDEFG7-^|{}[] xr,T4Z*<>()sQSN12", min_size=50, max_size=50))
def test_a_piece_turned_twice_is_itself(piece):
    assert turned(turned(piece)) == piece


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("T44C^7   |A-7 D7 |Ah7,D7,G-7,C7|F6   Z", "C^7 A-7+D7 Ah7+D7+G-7+C7 F6"),
        ("{T44C   |N1F   }|N2G   Z", "C F C G"),
        ("{T44C   <3x>}[F   Z", "C C C F"),
        ("T44C   |x   |D-7   |r|    |n   Z", "C C D-7 C D-7 N.C."),
        ("T44C   |    |F(Bb7)   ]        [G   Z ", "C C F G"),
        ("*A[T44SC   |D-7   |QE-7   |F <D.S. al Coda>]*B[QG   Z", "C D-7 E-7 F C D-7 G"),
        ("[T44C   |D-7 Q|F   |G   <D.C. al Coda>][QA7   Z", "C D-7 F G C D-7 A7"),
        ("T34C^7  |D-7 G7|C^7/E  W/D Z", "C^7 D-7+G7 C^7/E+C^7/D"),
        ("T44YYsC7susadd3   |lBb*7b9b13*   |fEbo^7   U Z", "C7susadd3 Bb7b9b13 Ebo^7"),
        ("*iT44C   |*AF   Z", "C F"),
        ("T44C p F p |G7   Z", "C+F G7"),
    ],
)
def test_signs_of_the_page(signs, expected):
    assert played(signs) == expected


def test_chords_fall_on_the_beats_of_their_cells():
    chart = parse_chart("\n".join(chart_text("T44C  D7|C,D E|A,B,Z")))
    assert [[float(chord.beat) for chord in bar.chords] for bar in chart.bars] == [[0, 3], [0, 1, 3], [0, 2]]


def test_a_page_with_a_playlist(tmp_path):
    page = link(("One", "Medium Swing", "Eb", SIGNS, 140), ("Two's", "Bossa Nova", "C-", "T44C-   |G7   Z", 0))
    path = tmp_path / "tunes.html"
    path.write_text(f'<html><body><a href="{html.escape(page)}">My tunes</a></body></html>')
    with pytest.raises(ChartError, match=r"a playlist of 2 songs: choose one by number or title \(1 One, 2 Two's\)"):
        read_chart(path)
    two = read_chart(path, "two")
    assert (two.title, two.key, two.feel, two.tempo) == ("Two's", "Cm", "straight", 120)
    assert [bar.chords[0].symbol for bar in two.bars] == ["C-", "G7"]
    with pytest.raises(ChartError, match="no one song 'three'"):
        read_chart(path, "three")


def test_a_single_song_with_all_its_fields():
    (song,) = read_playlist(link(("Tune", "Medium Swing", "F", "T44F6   Z", 132)), "x")
    assert (song.title, song.composer, song.style, song.key, song.bpm) == (
        "Tune",
        "Writer Some",
        "Medium Swing",
        "F",
        132,
    )
    chart = parse_chart(song_text(song))
    assert (chart.key, chart.feel, chart.tempo) == ("F", "swing", 132)


def test_plain_links_hold_several_songs():
    songs = read_playlist("irealbook://A=B C=Waltz=Ab=n=T34C^7 Z=D=E=Rock=G=n=T44G Z", "x")
    assert [(song.title, song.key) for song in songs] == [("A", "Ab"), ("D", "G")]
    assert choose_song(songs, "2", "x").title == "D"


@pytest.mark.parametrize(
    ("text", "fault"),
    [("irealbook://A=B=C", "cut short"), ("irealb://nothing=here", "no song"), ("irealb://=1r34LbKcu7C", "no title")],
)
def test_damaged_links(text, fault):
    with pytest.raises(ChartError, match=fault):
        read_playlist(text, "x")


def test_a_link_can_be_listed_from_the_command_line(capsys):
    assert run(["practice", link(("Tune", "Swing", "F", "T44F6   |C7   Z", 0)), "--list"]) == 0
    assert "F6" in capsys.readouterr().out


@given(st.text(alphabet="ABCDEFG7-^h|{}[] xrnpW/,T34Z*<>()sQSNUf12b#", max_size=80))
def test_any_signs_are_a_chart_or_refused(signs):
    with suppress(ChartError):
        assert parse_chart("\n".join(chart_text(signs))).bars
