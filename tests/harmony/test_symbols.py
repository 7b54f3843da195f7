"""Chord symbols: what musicians type, against written-out intervals and against another library's reading."""

import pytest

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
    (0, 7): "C5 Cno3",
    (0, 7, 10): "C7omit3",
}


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
    assert is_no_chord("N.C.")
    assert not is_no_chord("C")
