"""Encoding: equal to midigpt's ids in its own rounding, and right where it is wrong in ours."""

from __future__ import annotations

from collections import Counter

import pytest

from companion.errors import TokenizerError
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.tokenizer import Encoder, Style, Tokenizer, TokenType
from companion.tokenizer.token_types import BAR_ATTRIBUTE_ORDER
from tests import golden

LEGACY = {name: Tokenizer(golden.config(name), legacy=True) for name in golden.SHIPPED}
OURS = {name: Tokenizer(golden.config(name)) for name in golden.SHIPPED}
YELLOW = OURS["yellow"]


def windows(name):
    """(file, first bar, bar past the last, expected ids) of every golden window."""
    for file, records in golden.load(f"tokens_{name}").items():
        for record in records:
            if "ids" in record:
                yield file, *record["bars"], record["ids"]


def as_midigpt_reads(file):
    """The score in the vectors where midigpt loses or misplaces notes in reading, else ours (which has all bars)."""
    score, record = golden.read(file), golden.score_of(golden.load("read")[file])
    return record if any(a.bars[:8] != b.bars[:8] for a, b in zip(score.tracks, record.tracks, strict=True)) else score


def types(tokenizer, ids):
    return [tokenizer.vocabulary.type_of(token_id)[0] for token_id in ids]


def notes_of(tokenizer, score):
    """Every bar's notes after encoding and decoding."""
    decoded = tokenizer.decode(tokenizer.encode(score).ids)
    return [[bar.notes for bar in track.bars] for track in decoded.tracks]


def four_bars(*bars, program=0, is_drum=False, resolution=480):
    return Score((Track((*bars, *[Bar()] * (4 - len(bars))), program, is_drum),), resolution)


@pytest.mark.parametrize("name", golden.SHIPPED)
def test_legacy_windows_equal_midigpts(name):
    for file, start, end, ids in windows(name):
        assert LEGACY[name].encode(as_midigpt_reads(file).window(start, end)).ids == ids, (file, start)


@pytest.mark.parametrize("name", golden.SHIPPED)
def test_ours_equals_midigpts_for_music_on_the_grid(name):
    """Every golden window, once put on the 12-tick grid, gives the ids that midigpt gave for the same notes."""
    for file, start, end, ids in windows(name):
        on_grid = OURS[name].decode(ids)
        assert on_grid.bar_count == end - start
        attributes = LEGACY[name].encode(as_midigpt_reads(file).window(start, end)).attributes
        assert OURS[name].encode(on_grid, attributes=attributes).ids == ids, (file, start)


def test_nearest_rounding_equals_midigpts_own_nearest_reader():
    """Where midigpt reads at 12 ticks a quarter it rounds to the nearest too, but loses the notes before bar lines."""
    saved = 0
    for file, records in golden.load("tokens_yellow_reader12").items():
        for record in (r for r in records if "ids" in r):
            ours = YELLOW.encode(golden.read(file).window(*record["bars"]))
            if ours.ids == record["ids"]:
                continue
            mine, theirs = (
                Counter(
                    (track, bar, note.onset_ticks, note.pitch, note.velocity)
                    for track, part in enumerate(YELLOW.decode(ids).tracks)
                    for bar, its in enumerate(part.bars)
                    for note in its.notes
                )
                for ids in (ours.ids, record["ids"])
            )
            assert not theirs - mine, file
            assert all(onset == 0 or bar == record["bars"][1] - 1 for _, bar, onset, *_ in mine - theirs), file
            saved += len(mine - theirs)
    assert saved > 20


def test_onsets_go_to_the_nearest_tick_not_down():
    early = four_bars(Bar((Note(479, 480, 60, 80),)))
    assert [n.onset_ticks for n in notes_of(YELLOW, early)[0][0]] == [12]
    assert [
        n.onset_ticks for n in LEGACY["yellow"].decode(LEGACY["yellow"].encode(early).ids).tracks[0].bars[0].notes
    ] == [11]


def test_touching_notes_still_touch():
    legato = four_bars(Bar((Note(0, 475, 60), Note(475, 485, 62))))
    first, second = notes_of(YELLOW, legato)[0][0]
    assert first.onset_ticks + first.duration_ticks == second.onset_ticks == 12
    assert second.duration_ticks == 12


def test_a_note_that_rounds_to_the_bar_end_opens_the_next_bar():
    score = four_bars(Bar((Note(1910, 100, 60, 80),)), Bar((Note(0, 480, 72, 80),)))
    rows = notes_of(YELLOW, score)[0]
    assert rows[0] == ()
    assert [(n.onset_ticks, n.pitch) for n in rows[1]] == [(0, 60), (0, 72)]


def test_such_a_note_in_the_last_bar_stays_on_its_last_tick():
    score = four_bars(Bar(), Bar(), Bar(), Bar((Note(1910, 100, 60, 80),)))
    assert [(n.onset_ticks, n.pitch) for n in notes_of(YELLOW, score)[0][3]] == [(47, 60)]


def test_deltas_are_signed_and_do_not_saturate():
    """Half of a 1/12-beat cell early or late: midigpt only knows late, and gives up beyond 5/12."""
    exact = {-16: (12, -5), -12: (12, -4), 0: (12, 0), 12: (12, 4), 16: (12, 5), 24: (13, -5)}
    for offset, placed in exact.items():
        score = four_bars(Bar((Note(480 + offset, 240, 60, 90),)))
        (note,) = notes_of(OURS["expressive"], score)[0][0]
        assert (note.onset_ticks, note.delta) == placed
        beat = (note.onset_ticks + note.delta / 12) / 12
        assert abs(beat - (480 + offset) / 480) <= 0.5 / 144 + 1e-9


def test_negative_delta_is_written_as_direction_and_size():
    tokenizer = OURS["expressive"]
    ids = tokenizer.encode(four_bars(Bar((Note(470, 240, 60, 90),)))).ids
    names = types(tokenizer, ids)
    at = names.index(TokenType.DELTA_DIRECTION)
    assert names[at : at + 4] == [
        TokenType.DELTA_DIRECTION,
        TokenType.DELTA,
        TokenType.NOTE_ONSET,
        TokenType.NOTE_DURATION,
    ]
    assert tokenizer.vocabulary.type_of(ids[at])[1] == 0
    assert tokenizer.vocabulary.type_of(ids[at + 1])[1] == 3


@pytest.mark.parametrize("meter", YELLOW.config.time_signatures, ids=str)
def test_every_meter(meter):
    last = meter.bar_ticks(12) - 1
    score = Score((Track((Bar((Note(last, 1, 60, 81),), meter),) * 4),), 12)
    decoded = YELLOW.decode(YELLOW.encode(score).ids)
    assert [bar.time_signature for bar in decoded.tracks[0].bars] == [meter] * 4
    assert decoded.tracks[0].bars[3].notes[0].onset_ticks == last


def test_drums_have_no_durations_and_melodies_have():
    bar = Bar((Note(0, 12, 36, 80), Note(12, 12, 38, 80)))
    assert TokenType.NOTE_DURATION not in types(YELLOW, YELLOW.encode(four_bars(bar, is_drum=True)).ids)
    assert types(YELLOW, YELLOW.encode(four_bars(bar)).ids).count(TokenType.NOTE_DURATION) == 2


def test_velocity_is_written_when_it_changes():
    bar = Bar(tuple(Note(12 * i, 12, 60, v) for i, v in enumerate((80, 80, 100, 100))))
    names = types(YELLOW, YELLOW.encode(four_bars(bar, bar, resolution=12)).ids)
    assert names.count(TokenType.VELOCITY_LEVEL) == 4


def test_infill_prompts_end_after_the_first_fill_start():
    score = golden.read("synth/s14_band8.mid").window(0, 4)
    prompt = YELLOW.encode(score, targets=[(2, 1), (0, 3)])
    training = YELLOW.encode(score, targets=[(2, 1), (0, 3)], attributes=prompt.attributes, fills=True)
    assert prompt.targets == [(0, 3), (2, 1)]
    assert types(YELLOW, prompt.ids)[-1] is TokenType.FILL_IN_START
    assert training.ids[: len(prompt.ids)] == prompt.ids
    assert YELLOW.decode(training.ids) == YELLOW.decode(YELLOW.encode(score).ids)
    for cell in prompt.targets:
        start, end = prompt.cell_spans[cell]
        assert types(YELLOW, prompt.ids[start:end])[2:] == [TokenType.FILL_IN_PLACEHOLDER, TokenType.BAR_END]


def test_hidden_bars_are_shells_with_their_spans():
    score = golden.read("synth/s14_band8.mid").window(0, 4)
    encoded = YELLOW.encode(score, targets=[(0, 1)], hidden=[(1, 2), (1, 3), (0, 1)])
    assert [encoded.cell_spans[cell] for cell in ((1, 2), (1, 3))] == encoded.hidden_spans
    assert all(end - start == 3 for start, end in encoded.hidden_spans)
    ghost = OURS["ghost"]
    masked = ghost.encode(score, targets=[(0, 1)], hidden=[(1, 2)], mask_token=True)
    start, end = masked.cell_spans[1, 2]
    assert types(ghost, masked.ids[start:end])[2] is TokenType.MASK_BAR
    assert masked.hidden_spans == []


def rich(pitch):
    """A bar whose every property differs with `pitch`, with a note just before its end."""
    return Bar((Note(0, 40 * (pitch % 7 + 1), pitch, 80), Note(20, 900, pitch + 3, 81), Note(1918, 90, pitch + 5, 99)))


@pytest.mark.parametrize("kind", ["targets", "hidden"])
def test_nothing_of_an_unseen_bar_reaches_the_prompt(kind):
    """Neither its notes, nor what they do to the attributes, nor the note that rounds into the next bar."""
    first, second = (
        Score((Track((Bar((Note(0, 480, 60),)), rich(pitch), Bar(), Bar())), Track((rich(50),) * 4)))
        for pitch in (60, 71)
    )
    unseen = {kind: [(0, 1)], **({} if kind == "targets" else {"targets": [(1, 2)]})}
    assert YELLOW.encode(first, **unseen).ids == YELLOW.encode(second, **unseen).ids


def test_attributes_can_be_given_and_left_out():
    score = four_bars(Bar((Note(0, 480, 60),)))
    given = YELLOW.encode(score, attributes=[{"max_polyphony": 4, "min_note_duration": None}])
    assert given.attributes == [{"min_polyphony": 0, "max_polyphony": 4, "max_note_duration": 3}]
    empty = Score((Track((Bar(),) * 4),))
    assert YELLOW.encode(empty, targets=[(0, bar) for bar in range(4)]).attributes == [{}]
    with pytest.raises(TokenizerError, match="MaxPolyphony=10"):
        YELLOW.encode(score, attributes=[{"max_polyphony": 10}])


def test_autoregressive_prompts():
    score = golden.read("synth/s14_band8.mid").window(0, 4)
    whole = YELLOW.encode_autoregressive(score, 1)
    assert whole.track_order[-1] == 1
    assert types(YELLOW, whole.ids)[-2:] == [TokenType.TRACK, TokenType.INSTRUMENT]
    part = YELLOW.encode_autoregressive(score, 1, 2)
    assert types(YELLOW, part.ids)[-1] is TokenType.BAR_END
    assert part.targets == [(1, 2), (1, 3)]
    assert [bar for track, bar in part.cell_spans if track == 1] == [0, 1]


def test_a_new_bar_costs_only_itself():
    encoder = Encoder(YELLOW.vocabulary)
    score = golden.read("synth/s14_band8.mid")
    encoder.encode(score)
    before = encoder._notes.write.cache_info().misses
    changed = score.with_track(0, score.tracks[0].with_bar(3, Bar((Note(0, 480, 61, 77),))))
    encoder.encode(changed)
    assert encoder._notes.write.cache_info().misses == before + 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda t, s: t.encode(s.window(0, 3)), "3 bars"),
        (lambda t, s: t.encode(s, targets=[(0, 4)]), "track 0, bar 4"),
        (lambda t, s: t.encode(s, hidden=[(9, 0)]), "track 9"),
        (lambda t, s: t.encode(s, hidden=[(0, 0)], mask_token=True), "MaskBar"),
        (lambda t, s: t.encode(s, attributes=[{}, {}]), "2 tracks"),
        (lambda t, s: t.encode(four_bars(Bar((), TimeSignature(11, 4)))), "11/4"),
        (lambda t, s: t.encode(Score((*s.tracks, Track((Bar(),))))), "all tracks"),
        (lambda t, s: t.encode_autoregressive(s, 0, 4), "bar 4"),
    ],
)
def test_what_cannot_be_encoded_is_refused(call, says):
    with pytest.raises(TokenizerError, match=says):
        call(YELLOW, four_bars(Bar()))


PRISM = Tokenizer.load("prism")


def stated(tokenizer, encoded, cell):
    """The attribute levels of one bar, by type."""
    start, end = encoded.cell_spans[cell]
    types = dict(tokenizer.vocabulary.type_of(token) for token in encoded.ids[start:end])
    return {name: level for name, level in types.items() if name in BAR_ATTRIBUTE_ORDER}


def chord(count):
    return Bar(tuple(Note(0, 24, 60 + 3 * voice) for voice in range(count)))


def test_bars_state_their_own_levels():
    score = Score((Track(tuple(chord(count) for count in (1, 2, 3, 4, 3, 2, 1, 0))),), 12)
    for first in (0, 3):
        encoded = PRISM.encode(score.window(first, first + 4))
        for bar in range(4):
            count = len(score.tracks[0].bars[first + bar].notes)
            assert stated(PRISM, encoded, (0, bar)) == {
                TokenType.BAR_PITCH_CLASS_SET: min(count, 4),
                TokenType.BAR_ONSET_POLYPHONY_MIN: max(count - 1, 0),
                TokenType.BAR_ONSET_POLYPHONY_MAX: max(count - 1, 0),
            }


def test_a_bar_to_be_written_states_what_is_asked_or_typical():
    score = Score((Track((chord(2), chord(3), chord(3), chord(9))), Track((chord(1),) * 4)), 12)
    encoded = PRISM.encode(score, targets=[(0, 3)], hidden=[(1, 3)])
    typical = stated(PRISM, encoded, (0, 1))
    assert stated(PRISM, encoded, (0, 3)) == typical
    assert stated(PRISM, encoded, (1, 3)) == {}
    asked = PRISM.encode(score, targets=[(0, 3)], attributes=[{"bar_max_polyphony": 0}, {}])
    assert stated(PRISM, asked, (0, 3)) == {
        **typical,
        TokenType.BAR_ONSET_POLYPHONY_MIN: 0,
        TokenType.BAR_ONSET_POLYPHONY_MAX: 0,
    }
    assert stated(PRISM, asked, (0, 2)) == typical  # what is asked of a track is asked of the bars to be written
    single = PRISM.encode(score, targets=[(0, 2), (0, 3)], bar_attributes={(0, 3): {"pitch_class_set": 7}})
    assert stated(PRISM, single, (0, 3))[TokenType.BAR_PITCH_CLASS_SET] == 7
    assert stated(PRISM, single, (0, 2))[TokenType.BAR_PITCH_CLASS_SET] != 7
    nothing_known = PRISM.encode(score, targets=[(0, bar) for bar in range(4)])
    assert stated(PRISM, nothing_known, (0, 0)) == {}


@pytest.mark.parametrize("name", ["prism", "expressive_v2"])
def test_nothing_of_an_unseen_bar_reaches_the_newer_prompts(name):
    tokenizer = Tokenizer.load(name)
    shown = (chord(2), chord(3), chord(1))
    loud = Bar(tuple(Note(3 * at, 7, 30 + 5 * at) for at in range(16)))
    drums = Track((Bar((Note(0, 1, 36),)),) * 3 + (loud,), is_drum=True)
    scores = [
        Score((Track((*shown, last)), Track((*shown, other)), drums), 12)
        for last, other in ((Bar(), Bar()), (loud, loud))
    ]
    options = {"targets": [(0, 3)], "hidden": [(1, 3), (2, 3)]}
    assert tokenizer.encode(scores[0], **options).ids == tokenizer.encode(scores[1], **options).ids


def test_training_examples_state_the_true_levels_of_their_targets():
    score = Score((Track((chord(1), chord(2), chord(3), chord(4))),), 12)
    encoded = PRISM.encode(score, targets=[(0, 3)], fills=True)
    assert stated(PRISM, encoded, (0, 3))[TokenType.BAR_ONSET_POLYPHONY_MAX] == 3


def test_music_without_loudness_or_off_the_grid():
    tokenizer = Tokenizer.load("expressive_v2")
    score = Score((Track((Bar((Note(0, 12, 60, 80, 3),)),) * 4),), 12)
    for style in (Style(), Style(genre=10), Style(velocity=False), Style(microtiming=False)):
        ids = tokenizer.encode(score, style=style).ids
        types = dict(tokenizer.vocabulary.type_of(token) for token in ids)
        assert types[TokenType.USE_VELOCITY] == style.velocity
        assert types[TokenType.USE_MICROTIMING] == style.microtiming
        assert types.get(TokenType.GENRE) == style.genre
        assert (TokenType.VELOCITY_LEVEL in types) == style.velocity
        assert (TokenType.DELTA in types) == style.microtiming
        assert tokenizer.encode(tokenizer.decode(ids), style=style).ids == ids
