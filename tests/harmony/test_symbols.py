"""Chord symbols: what musicians type, against written-out intervals and against another library's reading."""

from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.harmony.symbols import is_no_chord, parse_chord

SPELLINGS = {
    (0, 4, 7): "C Cmaj CM",
    (0, 3, 7): "Cm C- Cmi Cmin",
    (0, 4, 7, 11): "Cmaj7 CM7 C^7 C^ CΔ CΔ7 Cma7 Cj7 CMaj7 C(maj7)",
    (0, 3, 7, 10): "Cm7 C-7 Cmi7 Cmin7",
    (0, 4, 7, 10): "C7 Cdom7",
    (0, 3, 6, 10): "Cø Cø7 Cm7b5 C-7b5 Cmi7b5 Cm7-5 Cm7(b5) C−7♭5 Chalfdim7",
    (0, 3, 6): "Cdim Co C°",
    (0, 3, 6, 9): "Cdim7 Co7 C°7",
    (0, 4, 8): "C+ Caug C(#5)",
    (0, 4, 8, 10): "C+7 C7+ Caug7 C7#5 C7+5",
    (0, 4, 8, 11): "C+M7 Cmaj7#5",
    (0, 4, 7, 9): "C6",
    (0, 4, 7, 9, 14): "C69 C6/9 C6add9",
    (0, 3, 7, 9): "Cm6 C-6",
    (0, 3, 7, 11): "CmM7 CmMaj7 C-^7 Cm(maj7) CmΔ",
    (0, 5, 7): "Csus Csus4",
    (0, 2, 7): "Csus2",
    (0, 5, 7, 10): "C7sus C7sus4",
    (0, 5, 7, 10, 13): "C7sus4b9 C7b9sus4 C7susb9",
    (0, 4, 7, 10, 14): "C9",
    (0, 4, 7, 11, 14): "Cmaj9 C^9 CM9",
    (0, 4, 7, 10, 15): "C7#9 C7(#9) C7+9",
    (0, 4, 8, 10, 13): "C7(b9,#5) C7b9#5",
    (0, 4, 7, 10, 14, 18): "C9#11",
    (0, 4, 7, 10, 14, 21): "C13",
    (0, 4, 7, 10, 13, 21): "C13b9",
    (0, 3, 7, 10, 14, 17): "Cm11 C-11",
    (0, 4, 10, 13, 15, 18, 20): "C7alt Calt",
    (0, 4, 7, 14): "Cadd9 C(add9) C2",
    (0, 3, 7, 14): "Cmadd9 Cm(add9)",
    (0, 5, 7, 10, 14, 21): "C13sus C13sus4",
    (0, 4, 7, 11, 14, 21): "Cmaj9(13) C^13",
    (0, 3, 7, 11, 14): "Cm(maj9) C-^9 CmM7(9)",
    (0, 3, 7, 8): "C-b6 Cmb6",
    (0, 3, 8): "C-#5 Cm#5",
    (0, 3, 6, 11): "Co^7 C°7M CdimM7",
    (0, 3, 6, 10, 14): "Ch9 Cø9 Cm7(b5,9)",
    (0, 2, 5, 7): "Csus24 Csus2sus4",
    (0, 4, 7, 10, 13, 15): "C7b9#9",
    (0, 4, 8, 10, 14): "C9#5 C+9",
    (0, 7): "C5 Cno3",
    (0, 7, 10): "C7omit3",
}


# The order of the parts does not matter, nor do brackets, slashes and capitals.
ORDERS = {
    "Cmaj7": "C7M C7maj CMAJ7 Cmajor7 CＭ⁷",
    "CmMaj7": "Cm7M Cmin/maj7 Cm(maj7) C-7M",
    "Cmaj9": "C7M(9) CM7(9) C7M/9 C7M9 Cmaj7/9",
    "Cm9": "Cm7(9) CMIN9 C-7(9)",
    "C9": "C7/9 C7(9) Cdom9",
    "C7add13": "C7(13) C7/13",
    "C7b9b13": "C7(b9,b13) C7(♭9/♭13) C7/b9/b13",
    "C7susadd3": "C7add3sus Csus7add3",
    "C6/9": "C6(9) C69",
    "Cadd9": "C(9) C/9",
    "Cdim7": "CDIM7 Cdiminished7",
    "Cm7b5": "Cm7(♭5) Cm(b5)7 C-7-5",
}


@pytest.mark.parametrize(("first", "other"), [(key, s) for key, value in ORDERS.items() for s in value.split()])
def test_all_parts_are_read_before_they_are_resolved(first, other):
    assert parse_chord(other).intervals == parse_chord(first).intervals


def test_spaces_in_brackets_are_read():
    assert parse_chord("C7(b9, b13)").intervals == parse_chord("C7b9b13").intervals


IREAL = """5 2 add9 + o h sus ^ - ^7 -7 7 7sus h7 o7 ^9 ^13 6 69 ^7#11 ^9#11 ^7#5 -6 -69 -^7 -^9 -9 -11 -7b5 h9 -b6 -#5 9
7b9 7#9 7#11 7b5 7#5 9#11 9b5 9#5 7b13 7#9#5 7#9b5 7#9#11 7b9#11 7b9b5 7b9#5 7b9#9 7b9b13 7alt 13 13#11 13b9 13#9
7b9sus 7susadd3 9sus 13sus 7b13sus 11"""


def test_every_quality_of_ireal_is_another_chord():
    read = {quality: parse_chord(f"C{quality}").intervals for quality in ["", *IREAL.split()]}
    same = {("^", "^7"), ("h", "h7"), ("h", "-7b5"), ("h7", "-7b5"), ("2", "add9")}
    for one, other in combinations(read, 2):
        twins = (one, other) in same or (other, one) in same
        assert (read[one] == read[other]) == twins, (one, other)


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("Cm7sus4", "'m' changes nothing"),
        ("Cø7b5", "'b5' changes nothing"),
        ("C9add9", "'add9' changes nothing"),
        ("Csus4no3", "'no3' changes nothing"),
        ("Cadd3", "'add3' changes nothing"),
        ("C7altb9", "'b9' changes nothing"),
        ("Cmaj7M", "changes nothing"),
        ("C5no3", "changes nothing"),
        ("CMm7", "major before minor"),
        ("Cmdim", "contradict"),
        ("C+dim", "contradict"),
        ("Cdom", "dominant needs"),
        ("C7(b9", "bracket"),
        ("C7)", "not understood"),
        ("C7()", "not understood"),
        ("C79", "'9' is not understood"),
    ],
)
def test_what_would_change_nothing_is_refused(symbol, reason):
    with pytest.raises(ValueError, match=reason):
        parse_chord(symbol)


@given(st.text(alphabet="CDEFGABmMajsudi°øΔ^+-#b(),/ 0123456789", max_size=12))
def test_any_text_is_a_chord_or_refused(text):
    with suppress(ValueError):
        chord = parse_chord(text)
        assert chord.intervals[0] == 0
        assert list(chord.intervals) == sorted(set(chord.intervals))


@pytest.mark.parametrize(("intervals", "symbol"), [(key, s) for key, value in SPELLINGS.items() for s in value.split()])
def test_spelling(intervals, symbol):
    assert parse_chord(symbol).intervals == intervals


@pytest.mark.parametrize(
    ("symbol", "root", "bass"), [("Bb6/9", 10, 10), ("Am7/G", 9, 7), ("F♯m7", 6, 6), ("Cb", 11, 11)]
)
def test_root_and_bass(symbol, root, bass):
    chord = parse_chord(symbol)
    assert (chord.root, chord.bass) == (root, bass)
    assert bass in chord.pitch_classes


@pytest.mark.parametrize("symbol", ["", "X7", "am7", "H7", "C7q", "Cm5", "C79", "C/Q", "C7//E"])
def test_what_is_no_chord_is_refused_with_a_reason(symbol):
    with pytest.raises(ValueError, match=r"\w"):
        parse_chord(symbol)


def test_agrees_with_another_parser_on_all_it_knows():
    pychord = pytest.importorskip("pychord")
    from pychord.constants.qualities import DEFAULT_QUALITIES

    for quality, _ in DEFAULT_QUALITIES:
        for root in ("C", "F#", "Bb"):
            theirs = frozenset(pitch % 12 for pitch in pychord.Chord(root + quality).components(visible=False))
            ours = parse_chord(root + quality).pitch_classes
            eleventh = (parse_chord(root).root + 5) % 12
            # They keep the eleventh that players leave out of a thirteenth over a major third.
            assert ours == (theirs - {eleventh} if "13" in quality and "add" not in quality else theirs), root + quality


def test_no_chord_is_known_by_its_spellings():
    for text in ("N.C.", "NC", "N", "n", "No Chord", "no chord", "n.c."):
        assert is_no_chord(text)
    for text in ("C", "", "No", "Am"):
        assert not is_no_chord(text)
