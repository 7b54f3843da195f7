"""Decoding equals midigpt's; streaming equals decoding; any known ids decode to something sane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import TokenizerError
from companion.music import Bar, Note, Score, Track
from companion.tokenizer import Decoder, Tokenizer, TokenType, Vocabulary
from companion.tokenizer.decode import NoteDecoder
from tests import golden

YELLOW = Tokenizer(golden.config("yellow"))
EXPRESSIVE = Tokenizer(golden.config("expressive"))
T = TokenType


def ids(tokenizer, *tokens):
    return [tokenizer.vocabulary.id(*(token if isinstance(token, tuple) else (token, 0))) for token in tokens]


def music(score):
    return [(t.program, t.is_drum, [(bar.time_signature, bar.notes) for bar in t.bars]) for t in score.tracks]


@pytest.mark.parametrize("name", [*golden.SHIPPED, "expressive_new"])
def test_golden_sequences_decode_as_midigpts(name):
    tokenizer = Tokenizer(golden.config(name), legacy=True) if name in golden.SHIPPED else None
    decode = tokenizer.decode if tokenizer else Decoder(Vocabulary(golden.config(name))).decode
    for file, records in golden.load(f"tokens_{name}").items():
        for record in records:
            if "ids" not in record:
                continue
            assert music(decode(record["ids"])) == music(golden.score_of(record["decoded_raw"])), file
            if tokenizer:
                assert music(decode(record["ids"], 1920)) == music(golden.score_of(record["decoded"])), file


def test_at_1920_ticks_the_sign_of_a_delta_stays():
    score = Score((Track((Bar((Note(12, 12, 60, 80, -3),)), *[Bar()] * 3)),), 12)
    (note,) = EXPRESSIVE.decode(EXPRESSIVE.encode(score).ids, 1920).tracks[0].bars[0].notes
    assert (note.onset_ticks, note.duration_ticks, note.delta) == (1880, 1920, 0)


def test_128_velocity_levels_are_heard():
    score = Score((Track((Bar((Note(0, 12, 60, 77),)), *[Bar()] * 3)),), 12)
    assert EXPRESSIVE.decode(EXPRESSIVE.encode(score).ids).tracks[0].bars[0].notes[0].velocity == 77


def test_bars_of_odd_meters_keep_their_length():
    for text, ticks in (("7/8", 42), ("3/8", 18), ("1/8", 6)):
        meter = next(m for m in YELLOW.config.time_signatures if str(m) == text)
        decoded = YELLOW.decode(YELLOW.encode(Score((Track((Bar((), meter),) * 4),), 12)).ids)
        assert [bar.length_ticks(12) for bar in decoded.tracks[0].bars] == [ticks] * 4


def test_an_unfinished_last_fill_counts():
    score = golden.read("synth/s14_band8.mid").window(0, 4)
    prompt = YELLOW.encode(score, targets=[(0, 1), (0, 2)]).ids
    written = ids(YELLOW, (T.NOTE_ONSET, 60), (T.NOTE_DURATION, 11), T.FILL_IN_END, T.FILL_IN_START, (T.NOTE_ONSET, 62))
    bars = YELLOW.decode([*prompt, *written, *ids(YELLOW, (T.NOTE_DURATION, 5))]).tracks[0].bars
    assert [[n.pitch for n in bar.notes] for bar in bars[1:3]] == [[60], [62]]
    assert YELLOW.decode(prompt).tracks[0].bars[1].notes == ()


def test_notes_stream_as_they_are_written():
    score = golden.read("synth/s14_band8_human.mid").window(0, 8)
    for tokenizer in (YELLOW, EXPRESSIVE):
        sequence = tokenizer.encode(score).ids
        decoder = NoteDecoder(tokenizer.vocabulary)
        streamed = [note for note in map(decoder.push, sequence) if note]
        whole = tokenizer.decode(sequence)
        assert streamed == [note for track in whole.tracks for bar in track.bars for note in bar.notes]


def test_a_note_comes_with_its_last_token():
    decoder = EXPRESSIVE.note_decoder()
    tokens = ids(
        EXPRESSIVE,
        T.FILL_IN_START,
        (T.TIME_ABSOLUTE_POS, 7),
        (T.VELOCITY_LEVEL, 90),
        T.DELTA_DIRECTION,
        (T.DELTA, 2),
        (T.NOTE_ONSET, 61),
        (T.NOTE_DURATION, 3),
    )
    assert [decoder.push(token_id) for token_id in tokens] == [None] * 6 + [Note(7, 4, 61, 90, -2)]
    drums = EXPRESSIVE.note_decoder(is_drum=True)
    assert drums.push(EXPRESSIVE.vocabulary.id(T.NOTE_ONSET, 36)) == Note(0, 1, 36, 100)


@given(st.lists(st.integers(0, 750), max_size=60))
def test_any_ids_decode(sequence):
    for track in EXPRESSIVE.decode(sequence).tracks:
        for bar in track.bars:
            assert all(0 <= n.pitch < 128 and 1 <= n.velocity < 128 and 1 <= n.duration_ticks <= 96 for n in bar.notes)


@pytest.mark.parametrize("token_id", [-1, 647])
def test_ids_outside_the_vocabulary_are_refused(token_id):
    with pytest.raises(TokenizerError, match="not in the vocabulary"):
        YELLOW.decode([0, token_id])
