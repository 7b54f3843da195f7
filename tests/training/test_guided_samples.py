"""Examples as in use: chord guides, practising, a bar heard up to a beat, other kits, octaves and instruments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from companion.harmony.guide import GUIDE_PROGRAM
from companion.music import Bar, Note, Score, Track
from companion.tokenizer.token_types import TokenType
from companion.training.config import SampleSettings
from companion.training.examples.samples import SampleMaker
from companion.training.examples.tasks import draw_task, live_task, only_repeats, practising_task
from companion.training.examples.variation import heard_up_to_a_beat, other_kit, vary
from companion.training.music.chords import chord_rows, pitch_class_bits, song_spans, spans_of_rows
from companion.training.music.corpus import Corpus, CorpusSong, song_from_score
from tests.training.support import BARS, make_score, maker

MARKS = [[[0, "C"], [2, "G7"]] if bar % 4 == 3 else [[0, ("C", "Am7", "F")[bar % 4]]] for bar in range(BARS)]


@pytest.fixture(scope="module")
def song() -> CorpusSong:
    return song_from_score(make_score(0), "music", MARKS)


@pytest.fixture(scope="module")
def guided(song: CorpusSong) -> Corpus:
    return Corpus((song,))


def rng(number: int) -> np.random.Generator:
    return np.random.default_rng((9, number))


def tokens(source: SampleMaker, ids) -> list[tuple[TokenType, int]]:
    return [source.tokenizer.vocabulary.type_of(int(token)) for token in ids]


def guide_part(source: SampleMaker, example) -> list[tuple[TokenType, int]] | None:
    """The tokens of the prompt's last track, where that is a guide."""
    found = tokens(source, example.ids)
    kinds = [kind for kind, _ in found]
    end = kinds.index(TokenType.FILL_IN_START) if TokenType.FILL_IN_START in kinds else len(kinds)
    start = max(place for place in range(end) if kinds[place] is TokenType.TRACK)
    program = source.tokenizer.vocabulary.instrument_classes[GUIDE_PROGRAM]
    part = found[start:end]
    return part if (TokenType.INSTRUMENT, program) in part else None


def test_chords_become_spans_that_carry_on_into_unmarked_bars(song: CorpusSong) -> None:
    meters = [bar.time_signature for bar in make_score(0).tracks[0].bars]
    spans = song_spans([[[0, "C"], [2, "G7"]], [], [[0, "N.C."]], [[0, "what?"]], [[3.99, "D"]]], meters[:5])
    assert [[(span.beat, span.beats) for span in bar] for bar in spans] == [
        [(0, 2), (2, 2)],
        [(0, 4)],
        [(0, 4)],
        [(0, 4)],
        [(0, 4)],
    ]
    rows = chord_rows(spans)
    c, g7 = 1 << 0 | 1 << 4 | 1 << 7, 1 << 7 | 1 << 11 | 1 << 2 | 1 << 5
    assert rows.tolist() == [
        [0, 0, 960, c, 0],
        [0, 960, 960, g7, 7 * 12 + 7],
        [1, 0, 1920, g7, 7 * 12 + 7],
        [2, 0, 1920, 0, 0],
        [3, 0, 1920, 0, 0],
        [4, 0, 1920, 0, 0],
    ]
    again = spans_of_rows(rows, 0, 2)
    assert [[span.beat for span in bar] for bar in again] == [[0, 2], [0]]
    assert [span.chord.pitch_classes for span in again[0] if span.chord] == [{0, 4, 7}, {7, 11, 2, 5}]
    assert pitch_class_bits(None) == 0


def test_the_guide_moves_with_the_song_and_has_no_place_in_songs_without_chords(song: CorpusSong) -> None:
    plain, up = song.guide_track(0, 4), song.guide_track(0, 4, 3)
    assert plain.program == GUIDE_PROGRAM
    notes = [note.pitch for bar in plain.bars for note in bar.notes]
    assert [note.pitch for bar in up.bars for note in bar.notes] == [pitch + 3 for pitch in notes]
    assert not song_from_score(make_score(0)).has_chords


@pytest.mark.parametrize("kind", ["live", "infill"])
def test_the_guide_is_the_last_track_and_has_notes_only_in_the_bars_to_be_written(guided: Corpus, kind: str) -> None:
    source = maker(guided, chord_guide=1.0, practising=0.5)
    for number in range(30):
        example = source.draw(rng(number), kind)
        part = guide_part(source, example)
        assert part is not None
        kinds = [name for name, _ in part]
        assert TokenType.FILL_IN_PLACEHOLDER not in kinds
        assert TokenType.MASK_BAR not in kinds
        attributes = (TokenType.MIN_POLYPHONY, TokenType.MAX_POLYPHONY, TokenType.MIN_NOTE_DURATION)
        assert not set(kinds) & set(attributes)
        found = tokens(source, example.ids)
        bars: list[list[TokenType]] = []
        written: set[int] = set()
        for token, _ in found[: found.index((TokenType.FILL_IN_START, 0))]:
            if token is TokenType.TRACK:
                bars = []
            elif token is TokenType.BAR:
                bars.append([])
            elif bars and token is TokenType.FILL_IN_PLACEHOLDER:
                written.add(len(bars) - 1)
            elif bars:
                bars[-1].append(token)
        sounding = {place for place, bar in enumerate(bars) if TokenType.NOTE_ONSET in bar}
        hidden = bool((np.diff(example.positions) > 1).any())  # left-out bars make counting bars impossible
        assert sounding == written or hidden


def test_plain_examples_and_songs_without_chords_have_no_guide(guided: Corpus, corpus: Corpus) -> None:
    source = maker(guided, chord_guide=1.0)
    assert all(guide_part(source, source.draw(rng(number), "plain")) is None for number in range(10))
    source = maker(corpus, chord_guide=1.0)
    assert not source.knows_chords
    assert all(guide_part(source, source.draw(rng(number), "live")) is None for number in range(10))


def window_of(song: CorpusSong, bars: int = 8) -> tuple[Score, int]:
    """Three parts and the guide behind them."""
    score = song.window(0, bars, [0, 1, 2])
    return Score((*score.tracks, song.guide_track(0, bars))), 3


def test_practising_writes_amid_the_window_and_more_often_where_the_chord_is_new(song: CorpusSong) -> None:
    window, guide = window_of(song)
    settings = SampleSettings()
    firsts, two = [], 0
    for number in range(400):
        task = practising_task(rng(number), window, settings, guide)
        (track,) = {track for track, _ in task.targets}
        bars = sorted(bar for _, bar in task.targets)
        assert track < guide
        assert guide in task.unattributed
        assert all(cell[0] != guide for cell in (*task.hidden, *task.emptied))
        assert not task.targets & (task.hidden | task.emptied)
        firsts.append(bars[0])
        two += len(bars) == 2
    assert min(firsts) == 4
    assert max(firsts) == 7
    assert 0 < two < 400


def test_bars_with_a_new_chord_are_drawn_three_times_as_often() -> None:
    classes = [60, 60, 60, 60, 60, 65, 65, 65]  # the chord changes at bar 5 alone
    guide = Track(tuple(Bar((Note(0, 400, pitch, 70),)) for pitch in classes), GUIDE_PROGRAM)
    part = Track(tuple(Bar((Note(0, 400, 60, 70),)) for _ in classes), 0)
    firsts = [
        min(bar for _, bar in practising_task(rng(number), Score((part, guide)), SampleSettings(), 1).targets)
        for number in range(600)
    ]
    counts = [firsts.count(bar) for bar in (4, 5, 6, 7)]
    assert counts[1] == pytest.approx(300, abs=45)  # three of six parts
    assert all(count == pytest.approx(100, abs=35) for count in (counts[0], counts[2], counts[3]))


def test_windows_whose_target_only_repeats_can_be_drawn_less_often() -> None:
    same = Bar((Note(0, 400, 60, 70),))
    other = Bar((Note(0, 400, 62, 70),))
    settings = SampleSettings()
    steady = Score((Track((same,) * 4, 0), Track((same,) * 4, 33)))
    changing = Score((Track((same, other) * 2, 0), Track((same, other) * 2, 33)))
    assert all(only_repeats(steady, live_task(rng(number), steady, settings)) for number in range(10))
    assert not any(only_repeats(changing, live_task(rng(number), changing, settings)) for number in range(10))
    song = song_from_score(Score((Track((same,) * 16, 0), Track((same,) * 16, 33))))
    with pytest.raises(Exception, match="no window"):
        maker(Corpus((song,)), repeats_kept=0.0).draw(rng(0), "live")


def test_the_others_are_heard_up_to_a_beat_of_the_bar_to_be_written() -> None:
    long = Bar((Note(0, 1900, 60, 70), Note(960, 480, 64, 70), Note(1440, 480, 67, 70)))
    window = Score((Track((long,) * 4, 0), Track((long,) * 4, 33)))
    untils = set()
    for number in range(60):
        task = live_task(rng(number), window, SampleSettings(hide_share=1.0, targets_last=1.0))
        first = min(bar for _, bar in task.targets)
        heard = heard_up_to_a_beat(rng(number), window, task, None)
        bar = heard.tracks[0].bars[first]
        assert (0, first) not in task.hidden
        until = bar.notes[0].duration_ticks
        assert until % 480 == 0
        assert all(note.onset_ticks + note.duration_ticks <= until for note in bar.notes)
        untils.add(until)
    assert untils == {480, 960, 1440}


def test_another_kit_keeps_the_rhythm_and_never_doubles_a_stroke() -> None:
    drums = Track((Bar(tuple(Note(240 * step, 60, (36, 38, 42, 46)[step % 4], 90) for step in range(8))),), 0, True)
    changed = 0
    for number in range(40):
        found = other_kit(rng(number), drums)
        onsets = [(note.onset_ticks, note.pitch) for note in found.bars[0].notes]
        assert len(onsets) == len(set(onsets))
        assert {onset for onset, _ in onsets} <= {240 * step for step in range(8)}
        changed += [pitch for _, pitch in onsets] != [note.pitch for note in drums.bars[0].notes]
    assert changed > 10


def test_variation_keeps_basses_low_and_instruments_in_their_family() -> None:
    settings = SampleSettings(other_octave=1.0, other_program=1.0, other_kit=1.0)
    tune, bass = (Track((Bar((Note(0, 400, pitch, 70),)),), program) for pitch, program in ((67, 73), (40, 33)))
    programs, octaves = set(), set()
    for number in range(60):
        varied = vary(rng(number), Score((tune, bass)), settings)
        programs.add(varied.tracks[0].program)
        octaves.add(varied.tracks[0].bars[0].notes[0].pitch)
        assert varied.tracks[1].bars[0].notes[0].pitch == 40
        assert varied.tracks[1].program in range(32, 40)
    assert programs == set(range(72, 80))
    assert octaves == {55, 79}


def test_validation_sees_music_as_it_was_played(guided: Corpus) -> None:
    source = maker(guided, other_octave=1.0, other_program=1.0, heard=1.0, chord_guide=0.5)
    plain, with_guide = source.as_played(0.0), source.as_played(1.0)
    assert plain.settings.other_octave == plain.settings.heard == 0.0
    assert guide_part(plain, plain.draw(rng(0), "live")) is None
    assert guide_part(with_guide, with_guide.draw(rng(0), "live")) is not None


def test_a_guide_is_never_hidden(song: CorpusSong) -> None:
    window, guide = window_of(song)
    for number in range(50):
        for kind in ("live", "infill"):
            task = draw_task(rng(number), kind, window, SampleSettings(practising=0.5), guide)
            cells = task.targets | task.hidden | task.emptied
            assert all(track != guide for track, _ in cells)
    assert all(one <= two for one, two in pairwise(sorted(song.guide_cells.tolist())))
