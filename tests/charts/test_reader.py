"""The chart format: what is read from it, how repeats are played, and what its faults are called."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.charts.reader import parse_chart, read_chart
from companion.errors import ChartError
from companion.resources import configs_dir

SHIPPED = {"blues": 12, "ii-V-I": 48, "aaba-32": 32, "waltz": 24, "vamp": 8}


def symbols(text):
    return [" ".join(chord.symbol for chord in bar.chords) for bar in parse_chart(text).bars]


def beats(text):
    return [[float(chord.beat) for chord in bar.chords] for bar in parse_chart(text).bars]


def test_the_example_of_the_manual():
    assert symbols("| C | Am7 | Dm7 G7 | C6 |") == ["C", "Am7", "Dm7 G7", "C6"]
    assert beats("| C | Am7 | Dm7 G7 | C6 |") == [[0], [0], [0, 2], [0]]


def test_header_values_on_one_line_or_several():
    chart = parse_chart("Night Bus\nKey: Bbm; Tempo: q = 96, feel: Shuffle\nMeter: 3/4\n| C |")
    assert (chart.title, chart.key, chart.tempo, chart.feel) == ("Night Bus", "Bbm", 96, "swing")
    assert str(chart.bars[0].time_signature) == "3/4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|: C | F :| G |", ["C", "F", "C", "F", "G"]),
        ("|: C :| x3", ["C", "C", "C"]),
        ("| C | F :|", ["C", "F", "C", "F"]),
        ("|: C |1. F :|2. G | A |", ["C", "F", "C", "G", "A"]),
        ("|: C |1,2. F :|3. G |", ["C", "F", "C", "F", "C", "G"]),
        ("|: C :|: D :|", ["C", "C", "D", "D"]),
        ("| C | % | | G/B |", ["C", "C", "C", "G/B"]),
        ("| C G | % |", ["C G", "C G"]),
        ("| N.C. | C |]", ["N.C.", "C"]),
        ("|: C |\n| F :|\n|| G ||", ["C", "F", "C", "F", "G"]),
        ("C | F", ["C", "F"]),
    ],
)
def test_repeats_endings_and_signs(text, expected):
    assert symbols(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| C D E |", [[0, 2, 3]]),
        ("| C / / D |", [[0, 3]]),
        ("| C | / / D / |", [[0], [0, 2]]),
        ("Meter: 3/4\n| C D |", [[0, 2]]),
        ("Meter: 6/8\n| C D |", [[0, 1.5]]),
        ("Meter: 5/4\n| C D |", [[0, 3]]),
        ("| C D E F G A B C |", [[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]]),
    ],
)
def test_where_chords_fall(text, expected):
    assert beats(text) == expected


def test_sections_form_and_changes_on_the_way():
    chart = parse_chart("Form: ABA\n[A] | C |\n[B]\nTempo: 90\nMeter: 3/4\n| F |")
    assert chart.sections == ((0, "A"), (1, "B"), (2, "A"))
    assert chart.tempo_changes == ((0.0, 120.0), (4.0, 90.0))
    assert [bar.number for bar in chart.bars] == [1, 2, 1]
    assert chart.chord_marks == ((0, 0.0, "C"), (1, 0.0, "F"), (2, 0.0, "C"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Key: C\n| C | Xm7 |", "line 2, bar 2: chord 'Xm7'"),
        ("| C |\n| F | Am7q G |", "line 2, bar 3: chord 'Am7q': 'q' is not understood"),
        ("| am7 |", r"line 1, bar 1: chord 'am7': chord roots are capitals \(Am7\)"),
        ("| C |\n|: D | E", "line 2, bar 2: the repeat"),
        ("|: C |: D :|", "bar 2: a repeat inside a repeat"),
        ("|: C |1. D :|3. E |", "bar 2: no ending for time 2"),
        ("| C :| x99", "bar 1: repeat x99"),
        ("| C D E F G A B C D |", "line 1, bar 1: 9 chords"),
        ("| C % |", "line 1, bar 1: '%'"),
        ("| % |", "bar 1: nothing to repeat"),
        ("Meter: 4/5\n| C |", "line 1: meter '4/5'"),
        ("Tempo: fast\n| C |", "line 1: tempo 'fast'"),
        ("Feel: sad\n| C |", "line 1: feel 'sad'"),
        ("Key: flat\n| C |", "line 1: key 'flat'"),
        ("Mood: blue\n| C |", "line 1: 'Mood: blue': no such header"),
        ("Form: A C\n[A] | C |", r"line 1: form: no section 'C' \(sections: A\)"),
        ("Form: A\n[A] | C |\n[A] | D |", "line 3, bar 2: section 'A' is written twice"),
        ("| C |\nwhat now", "line 2: 'what now': neither bars"),
        ("just words", "no bars"),
        ("", "no bars"),
        ("|: " + "C |" * 100 + " C :| x64", "more than 2000 bars"),
    ],
)
def test_a_fault_says_line_bar_and_symbol(text, fault):
    with pytest.raises(ChartError, match=f"song.txt.*{fault}"):
        parse_chart(text, "song.txt")


@given(st.text(alphabet="|:[]%/ \nABCm7b#x123.,;", max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(ChartError):
        assert parse_chart(text).bars


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"\xff\xfe|", "not a text file"), (b"| C |\0", "not a text file"), (b"|" * 300_000, "too large")],
)
def test_files_that_are_no_chart(tmp_path, content, fault):
    path = tmp_path / "chart.txt"
    path.write_bytes(content)
    with pytest.raises(ChartError, match=fault):
        read_chart(path)
    with pytest.raises(ChartError, match="cannot be read"):
        read_chart(tmp_path / "missing.txt")


@pytest.mark.parametrize(("name", "bars"), SHIPPED.items())
def test_shipped_charts(name, bars):
    chart = read_chart(configs_dir() / "charts" / f"{name}.txt")
    assert len(chart.bars) == bars
    assert chart.title
    assert chart.sections


def test_the_cycle_visits_all_keys():
    chart = read_chart(configs_dir() / "charts" / "ii-V-I.txt")
    assert len({bar.chords[0].chord.root for bar in chart.bars[2::4]}) == 12
