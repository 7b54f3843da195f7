"""Directions on the page are followed as a player follows them."""

import pytest

from companion.charts.reader import parse_chart
from companion.errors import ChartError


def played(text):
    return " ".join("+".join(chord.symbol for chord in bar.chords) for bar in parse_chart(text).bars)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| C | %S% Am | G |\n| C | To Coda | F | G D.S. al Coda |\n[Coda]\n| D | E |", "C Am G C F G Am G C D E"),
        ("| C | Segno Am | To Coda G | D.S. al Coda |\n| Coda D |", "C Am G Am D"),
        ("| C | D Fine | E | D.C. al Fine |", "C D E C D"),
        ("| C | D | E |\nFine\n| F |\nda capo al fine", "C D E F C D E"),
        ("| C | D | D.C. |", "C D C D"),
        ("| C | D Fine | E D.C. |", "C D E C D"),
        ("| C | %S% D | E | D.S. |", "C D E D E"),
        ("|: C |1. D :|2. E Fine | F D.C. al Fine |", "C D C E F C E"),
        ("|: C |1. D :|2. E | F D.C. al 2nd ending |", "C D C E F C E F"),
        ("|: C |[1. D :|[2. E |", "C D C E"),
        ("|: C |1-2. D :|3. E |", "C D C D C E"),
        ("| C | 𝄌 D | D.C. al Coda | 𝄌 E |", "C D C E"),
        ("| C | To Coda | D D.C. al Coda |\n[Coda]\n|: E | F :|", "C D C E F E F"),
        ("Pickup: 1\n| G | C | D | D.C. |", "G C D C D"),
        ("| C | F | %% | | G |", "C F C F G"),
        ("| C | F | %% | G |", "C F C F G"),
        ("| C^7 | A-7 | r | x | n |", "C^7 A-7 C^7 A-7 A-7 N.C."),
        ("| C W/B /A | F/C W/D |", "C+C/B+C/A F/C+F/D"),
        ("| C7 (b9, b13) No Chord | (Dm7 G7) |", "C7(b9, b13)+N.C. Dm7+G7"),
    ],
)
def test_the_order_of_bars(text, expected):
    assert played(text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("| C | D | D.C. al Fine |", "line 1, bar 2: D.C. al Fine: no 'Fine'"),
        ("| C | D.S. |", "bar 1: D.S.: no segno"),
        ("%S% | C | D.S. al Coda |\n[Coda]\n| D |", "no 'To Coda' stands before it"),
        ("%S% | C | To Coda | D D.S. al Coda |", "no coda"),
        ("| C | To Coda | D |", "'To Coda' without D.C. or D.S."),
        ("Form: A A\n[A]\n| C | D.C. |", "a form and D.C."),
        ("| C |\nPickup: 1", "line 2: a pickup stands before the first bar"),
        ("Pickup: 4\n| C | D |", "line 1: pickup '4'"),
        ("| C | %% |", "bar 2: no two bars"),
        ("| N.C. | W/C |", "no chord stands before this bass"),
        ("| C | C7add9b |", "chord 'C7add9b'"),
    ],
)
def test_what_leads_nowhere_is_said(text, fault):
    with pytest.raises(ChartError, match=fault.replace("(", r"\(")):
        parse_chart(text)


@pytest.mark.parametrize(("value", "meter"), [("1", "1/4"), ("2 beats", "2/4"), ("1.5", "3/8"), ("3/8", "3/8")])
def test_a_pickup_is_a_short_first_bar(value, meter):
    chart = parse_chart(f"Meter: 4/4\nPickup: {value}\n| N.C. | C | F |")
    assert [str(bar.time_signature) for bar in chart.bars] == [meter, "4/4", "4/4"]
