"""Chord symbols in another key."""

import pytest

from companion.harmony.spelling import transpose_symbol, transpose_symbols


@pytest.mark.parametrize(
    ("symbol", "semitones", "expected"),
    [("Am7/G", 3, "Cm7/Bb"), ("Bb6/9", 2, "C6/9"), ("F♯m7", 12, "F♯m7"), ("N.C.", 5, "N.C."), ("E7#9", 1, "F7#9")],
)
def test_the_quality_is_kept(symbol, semitones, expected):
    assert transpose_symbol(symbol, semitones) == expected


@pytest.mark.parametrize(
    ("symbols", "semitones", "expected"),
    [
        (["C", "Em7", "F"], 2, ["D", "F#m7", "G"]),
        (["C", "Em7", "F"], 3, ["Eb", "Gm7", "Ab"]),
        (["Dm9", "G13"], -1, ["C#m9", "F#13"]),
        (["N.C.", "Am"], 1, ["N.C.", "Bbm"]),
        ([], 4, []),
    ],
)
def test_flats_or_sharps_as_the_key_wants_them(symbols, semitones, expected):
    assert transpose_symbols(symbols, semitones) == expected
