"""The chord guide: note for note what checkpoints were trained with."""

import json
import lzma
from pathlib import Path

import pytest

from companion.charts.reader import read_chart
from companion.charts.spans import chart_spans
from companion.harmony.guide import GUIDE_PROGRAM, guide_bar, guide_bars
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.resources import configs_dir

VECTORS = Path(__file__).resolve().parents[1] / "data" / "chords" / "chord_guides.json.xz"
GOLDEN = json.loads(lzma.decompress(VECTORS.read_bytes()))


@pytest.mark.parametrize("name", GOLDEN["charts"])
def test_the_guides_of_the_shipped_charts_are_as_trained(name):
    guides = guide_bars(chart_spans(read_chart(configs_dir() / "charts" / f"{name}.txt")))
    rows = [[[note.onset_ticks, note.duration_ticks, note.pitch, note.velocity] for note in notes] for notes in guides]
    assert rows == GOLDEN["charts"][name]
    assert GOLDEN["program"] == GUIDE_PROGRAM


def test_one_bar_at_a_time_is_the_same_as_all_at_once():
    bars = list(chart_spans(read_chart(configs_dir() / "charts" / "blues.txt")))
    guides, last = [], ()
    for bar in bars:
        notes, last = guide_bar(bar, last)
        guides.append(notes)
    assert tuple(guides) == guide_bars(bars)


def test_a_slash_bass_lies_below_the_blocks_from_e_up():
    (low, *_), _ = guide_bar([ChordSpan(0, 4, parse_chord("C/E"))])
    (high, *_), _ = guide_bar([ChordSpan(0, 4, parse_chord("C/Eb"))])
    assert (low.pitch, high.pitch) == (40, 51)


def test_no_chord_is_silent_and_hands_the_voicing_on():
    last = (53, 57, 60)
    assert guide_bar([ChordSpan(0, 4, None)], last) == ((), last)
    notes, _ = guide_bar([ChordSpan(0, 2, None), ChordSpan(2, 2, parse_chord("F"))], last)
    assert {note.onset_ticks for note in notes} == {960}
