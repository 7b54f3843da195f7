"""Chords made into notes: within the chord, in register, led smoothly."""

import pytest

from companion.charts.comping import bass_line, comping_track
from companion.charts.reader import parse_chart, read_chart
from companion.charts.spans import chart_spans
from companion.harmony.symbols import parse_chord
from companion.harmony.voicing import voicing
from companion.practice.chart_song import chart_to_song
from companion.resources import configs_dir

CHARTS = sorted((configs_dir() / "charts").glob("*.txt"))


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_comping_plays_only_chord_tones_where_the_chord_is(path):
    chart = read_chart(path)
    for bar, bar_spans in zip(comping_track(chart).bars, chart_spans(chart), strict=True):
        assert bar.notes
        for note in bar.notes:
            span = [span for span in bar_spans if span.beat * 480 <= note.onset_ticks][-1]
            assert note.pitch % 12 in span.chord.pitch_classes
            assert note.onset_ticks + note.duration_ticks <= bar.length_ticks(480)


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_the_bass_plays_the_root_on_every_change(path):
    chart = read_chart(path)
    for bar, bar_spans in zip(bass_line(chart).bars, chart_spans(chart), strict=True):
        onsets = {note.onset_ticks: note.pitch for note in bar.notes}
        assert all(onsets[int(span.beat * 480)] % 12 == span.chord.bass for span in bar_spans)
        assert all(28 <= note.pitch <= 48 for note in bar.notes)


def test_voices_move_little():
    dominant = voicing(parse_chord("G7"), voicing(parse_chord("Dm7")))
    tonic = voicing(parse_chord("Cmaj7"), dominant)
    assert sum(abs(a - b) for a, b in zip(dominant, tonic, strict=True)) <= 6


@pytest.mark.parametrize("symbol", ["C7alt", "G13", "F#dim7", "C5", "Dsus4", "Bb6/9", "C"])
def test_a_voicing_is_three_or_four_tones_of_the_chord(symbol):
    chord = parse_chord(symbol)
    pitches = voicing(chord)
    assert {pitch % 12 for pitch in pitches} <= chord.pitch_classes
    assert len(pitches) == min(4, len(chord.intervals))


def test_no_chord_is_silence_and_a_song_carries_the_chart():
    song = chart_to_song(parse_chart("Tempo: 90\n[A] | C | N.C. | / / F / |"))
    assert [bool(bar.notes) for bar in song.score.tracks[0].bars] == [True, False, True]
    assert song.sections == ((0, "A"),)
    assert song.chords == ((0, 0.0, "C"), (1, 0.0, "N.C."), (2, 0.0, "N.C."), (2, 2.0, "F"))
    assert song.tempo_changes == ((0.0, 90.0),)
