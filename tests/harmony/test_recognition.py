"""Chords heard from notes: every quality by itself, whole charts of our own, and what a bar's chords may not depend on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.charts.comping import bass_line, comping_track
from companion.charts.reader import parse_chart, read_chart
from companion.charts.spans import chart_spans
from companion.harmony.fit import CONTRADICTS, contradiction
from companion.harmony.hearing.chord_scores import QUALITY_COUNT
from companion.harmony.hearing.progression import Progression
from companion.harmony.hearing.tables import QUALITIES
from companion.harmony.key import Key, spell_chord
from companion.harmony.recognition import Recogniser, in_one_go, recognise_song, with_held_notes
from companion.harmony.symbols import parse_chord
from companion.music import Note, TimeSignature
from companion.resources import configs_dir

FOUR = TimeSignature(4, 4)
# The least share of beats with the right root: from comping and bass, and from comping alone, which plays few roots
# (without its root, the Dm9 of the vamp is an Fmaj7).
CHARTS = {"blues": (0.9, 0.6), "ii-V-I": (0.9, 0.6), "aaba-32": (0.85, 0.6), "waltz": (0.85, 0.6), "vamp": (0.9, 0)}


def block(symbol, onset=0, length=1900):
    """The chord in close position above C4, its root in the bass."""
    chord = parse_chord(symbol)
    pitches = [36 + chord.bass, *(60 + chord.root + interval for interval in chord.intervals)]
    return [Note(onset, length, pitch) for pitch in pitches]


def heard(*bars, meter=FOUR):
    recogniser = Recogniser()
    return [recogniser.hear(notes, meter) for notes in bars]


def root_share(chart, *tracks):
    bars = [
        (tuple(note for track in tracks for note in track.bars[i].notes), bar.time_signature)
        for i, bar in enumerate(chart.bars)
    ]
    right = total = 0.0
    for true_spans, found in zip(chart_spans(chart), recognise_song(bars), strict=True):
        for true in true_spans:
            for span in found:
                beats = min(true.beat + true.beats, span.beat + span.beats) - max(true.beat, span.beat)
                right += max(0.0, beats) * (span.chord.root == true.chord.root)
            total += true.beats
    return right / total


@pytest.mark.parametrize("quality", ["", "m", "7", "maj7", "m7", "m7b5", "sus4", "7sus4", "5"])
def test_a_chord_over_its_root_is_heard_in_all_keys(quality):
    for root in range(12):
        symbol = spell_chord(root, quality)
        ((span,),) = heard(block(symbol))
        assert (span.chord.root, span.chord.intervals) == (root, parse_chord(symbol).intervals), symbol
        assert (span.beat, span.beats, span.source) == (0, 4, "heard")


def test_a_diminished_seventh_is_heard_as_itself_or_as_the_dominant_that_it_stands_for():
    ((span,),) = heard(block("Cdim7"))
    assert len(span.chord.pitch_classes & {0, 3, 6, 9}) >= 3


@pytest.mark.parametrize("name", CHARTS)
def test_charts_of_our_own(name):
    chart = read_chart(configs_dir() / "charts" / f"{name}.txt")
    with_bass, alone = CHARTS[name]
    assert root_share(chart, comping_track(chart), bass_line(chart)) >= with_bass
    assert root_share(chart, comping_track(chart)) >= alone


def test_two_chords_in_a_bar_are_two_spans():
    ((first, second),) = heard([*block("Dm7", 0, 940), *block("G7", 960, 940)])
    assert [(span.chord.text, span.beat, span.beats) for span in (first, second)] == [("Dm7", 0, 2), ("G7", 2, 2)]


def test_a_bar_of_six_eighths_has_two_halves_and_a_waltz_bar_one():
    six = [*block("F", 0, 700), *block("C", 720, 700)]
    assert [span.beat for span in heard(six, meter=TimeSignature(6, 8))[0]] == [0, 1.5]
    assert len(heard(block("F", 0, 1400), meter=TimeSignature(3, 4))[0]) == 1


def test_silence_is_no_chord_and_half_a_silent_bar_takes_its_neighbours():
    assert heard([]) == [()]
    ((span,),) = heard(block("F", 960, 940))
    assert (span.chord.text, span.beat, span.beats) == ("F", 0, 4)


def test_an_inversion_is_written_with_its_bass():
    ((span,),) = heard([Note(0, 1900, 40), *block("C")[1:]])
    assert span.chord.text == "C/E"


def test_chords_are_spelled_in_the_key():
    flats = heard(*(block(symbol) for symbol in ("Ebmaj7", "Fm7", "Bb7", "Ebmaj7", "Abmaj7")))
    sharps = heard(*(block(symbol) for symbol in ("E", "A", "B7", "E", "G#m7")))
    assert flats[-1][0].chord.text == "Abmaj7"
    assert sharps[-1][0].chord.text == "G#m7"


def test_the_key_is_known_after_a_cadence():
    recogniser = Recogniser()
    assert recogniser.key is None
    for symbol in ("Gm7", "C7", "Fmaj7", "Fmaj7") * 2:
        recogniser.hear(block(symbol), FOUR)
    assert recogniser.key.name == "F"


def test_a_look_at_the_bar_in_progress_is_not_remembered():
    plain, looking = Recogniser(), Recogniser()
    for symbol in ("C", "Am7", "Dm7", "G7"):
        looking.peek(block("F#", 0, 400), FOUR, 1.0)
        assert looking.hear(block(symbol), FOUR) == plain.hear(block(symbol), FOUR)
    assert plain.peek(block("C"), FOUR, 2.0)[0].chord.root == 0


def test_a_note_that_never_ends_is_heard_for_eight_beats_or_until_it_is_struck_again():
    endless = [([Note(0, 100_000, 60), Note(0, 100_000, 64)], FOUR), ([Note(0, 100, 60)], FOUR), ([], FOUR), ([], FOUR)]
    assert [[note.pitch for note in notes] for notes, _ in with_held_notes(endless)] == [[60, 64], [64, 60], [], []]


@given(
    st.integers(0, 11),
    st.sampled_from(QUALITIES),
    st.builds(Key, st.integers(0, 11), st.booleans()),
    st.none() | st.integers(0, 11),
)
def test_what_is_spelled_is_read_back(root, quality, key, bass):
    chord = parse_chord(spell_chord(root, quality, key, bass))
    assert chord.root == root
    assert chord.bass == (root if bass is None else bass)
    assert chord.intervals == parse_chord(f"C{quality}").intervals


@given(st.lists(st.builds(Note, st.integers(-900, 1900), st.integers(1, 3000), st.integers(0, 127)), max_size=30))
def test_any_notes_give_spans_that_fill_the_bar(notes):
    (found,) = heard(notes)
    assert sum(span.beats for span in found) in (0, 4)
    assert all(0 <= span.confidence <= 1 for span in found)


def test_what_fits_is_no_contradiction_and_another_chord_is():
    for played, given_chord, contradicts in [
        ("Dm7", "Dm7", False),
        ("Dm", "Dm7", False),
        ("F", "Dm7", False),
        ("G13", "G7", False),
        ("F#m7", "Dm7", True),
        ("Ab7", "Dm7", True),
        ("Ebmaj7", "C", True),
    ]:
        notes = block(played, 0, 900)
        assert (contradiction(notes, parse_chord(given_chord), 0, 2) >= CONTRADICTS) == contradicts, (
            played,
            given_chord,
        )
    assert contradiction([], parse_chord("C"), 0, 2) == 0
    assert contradiction(block("C"), None, 0, 2) == 1


def test_one_passing_note_is_no_contradiction():
    assert contradiction([Note(0, 120, 61)], parse_chord("C"), 0, 1) < CONTRADICTS


def test_a_melody_over_a_known_chart_keeps_to_its_key():
    chart = parse_chart("| C | F | G7 | C |")
    line = [
        [Note(480 * i, 470, pitch) for i, pitch in enumerate(bar)]
        for bar in ((60, 64, 67, 64), (65, 69, 72, 69), (67, 71, 74, 77), (72, 67, 64, 60))
    ]
    found = recognise_song([(tuple(notes), FOUR) for notes in line])
    assert [bar[0].chord.root for bar in found] == [bar.chords[0].chord.root for bar in chart.bars]


def line(*pitches):
    """One note after another, all equally long, filling a bar of four."""
    length = 1920 // len(pitches)
    return [Note(number * length, length, pitch) for number, pitch in enumerate(pitches)]


def test_what_a_line_leaves_open_is_decided_by_the_chords_before():
    dominant, open_bar = line(67, 71, 74, 77), line(64, 67, 64, 67)  # G B D F, then only E and G
    after_dominant = heard(dominant, open_bar)[-1]
    assert {span.chord.root for span in after_dominant} == {0}
    minor_dominant = line(71, 75, 78, 81)  # B D# F# A leads to E
    assert {span.chord.root for span in heard(minor_dominant, open_bar)[-1]} == {4}


def test_a_bar_in_progress_is_not_remembered():
    recogniser, other = Recogniser(), Recogniser()
    for one in (recogniser, other):
        one.hear(line(67, 71, 74, 77), FOUR)
    recogniser.peek(line(61, 65, 68, 61), FOUR, 3.0)
    assert recogniser.hear(line(64, 67, 64, 67), FOUR) == other.hear(line(64, 67, 64, 67), FOUR)


def test_beliefs_are_probabilities_and_silence_keeps_them():
    progression = Progression()
    scores = [0.0] * (12 * QUALITY_COUNT)
    scores[7 * QUALITY_COUNT + QUALITIES.index("7")] = 12.0  # G7
    first, second = in_one_go(progression.hear([scores, None]))
    assert (first.root, second.root) == (7, 7)
    for half in (first, second):
        assert sum(math.exp(score) for score in half.scores) == pytest.approx(1, abs=1e-3)
    (following,) = in_one_go(progression.hear([None]))
    assert following.root == 0, "after a dominant comes what lies a fourth above"
