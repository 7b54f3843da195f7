"""Live parity: installed midigpt, asked about fresh random music, agrees token for token and note for note."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.music import Bar, Note, Score, Track
from companion.music.quantize import GridRounding, regrid
from companion.tokenizer import Style, Tokenizer, TokenType, WrittenBar, attributes, measures
from tests import golden
from tests.tokenizer.strategies import METERS, scores

midigpt = pytest.importorskip("midigpt", reason="midigpt has wheels for CPython 3.10-3.12 only")
core = pytest.importorskip("midigpt._core")
their_attributes = pytest.importorskip("midigpt.attributes")
their_tokenizer = pytest.importorskip("midigpt.tokenizer.tokenizer")

LEGACY = {name: Tokenizer(golden.config(name), legacy=True) for name in golden.FAMILY}
THEIRS = {
    name: their_tokenizer.Tokenizer(core.EncoderConfig.from_json(json.dumps(golden.config(name).to_dict())))
    for name in golden.FAMILY
}

ANALYZERS = [
    their_attributes.AttributeAnalyzer.from_config(
        core.EncoderConfig.from_json(json.dumps(golden.config(name).to_dict()))
    )
    for name in ("expressive_new", "yellow")
]


def to_theirs(score):
    def bar_record(b):
        notes = [
            {
                "pitch": n.pitch,
                "velocity": n.velocity,
                "onset_ticks": n.onset_ticks,
                "duration_ticks": n.duration_ticks,
                "delta": n.delta,
            }
            for n in b.notes
        ]
        meter = b.time_signature
        return {"ts_numerator": meter.numerator, "ts_denominator": meter.denominator, "future": False, "notes": notes}

    tracks = [
        {
            "instrument": t.program,
            "track_type": "drum" if t.is_drum else "melodic",
            "bars": [bar_record(b) for b in t.bars],
        }
        for t in score.tracks
    ]
    theirs = midigpt.Score.from_dict({"resolution": score.resolution, "tempo": score.tempo, "tracks": tracks})
    for mine, other in zip(score.tracks, theirs.tracks, strict=True):
        for bar, their_bar in zip(mine.bars, other.bars, strict=True):
            their_bar.beat_length = float(bar.time_signature.beats)  # from_dict takes every bar for four beats
    return theirs


def music(theirs):
    """Program, kind, and every bar's notes of one of their scores, in our notation."""
    return [
        (
            track["instrument"],
            track["track_type"] == "drum",
            [
                tuple(
                    Note(n["onset_ticks"], n["duration_ticks"], n["pitch"], n["velocity"], n.get("delta", 0))
                    for n in bar["notes"]
                )
                for bar in track["bars"]
            ],
        )
        for track in theirs.to_dict()["tracks"]
    ]


def ours(score):
    return [(track.program, track.is_drum, [bar.notes for bar in track.bars]) for track in score.tracks]


@given(scores(resolution=480), st.sampled_from(golden.FAMILY))
@settings(max_examples=120, deadline=None)
def test_windows_encode_to_the_same_ids(score, name):
    assert LEGACY[name].encode(score).ids == THEIRS[name].encode(to_theirs(score))


@given(scores(resolution=12), st.sampled_from(golden.SHIPPED))
@settings(max_examples=60, deadline=None)
def test_music_on_the_models_grid_encodes_the_same_without_any_legacy_rounding(score, name):
    """Within what midigpt's deltas can say: 0 to 5 on a score given at 12 ticks."""
    tidy = Score(
        tuple(
            Track(tuple(Bar(tuple(tame(n) for n in b.notes), b.time_signature) for b in t.bars), t.program, t.is_drum)
            for t in score.tracks
        ),
        12,
    )
    assert Tokenizer(golden.config(name)).encode(tidy).ids == THEIRS[name].encode(to_theirs(tidy))


def tame(note):
    return Note(note.onset_ticks, note.duration_ticks, note.pitch, note.velocity, max(-5, min(note.delta, 5)))


@given(scores(resolution=480), st.sampled_from((12, 480)))
@settings(max_examples=150, deadline=None)
def test_every_attribute_of_every_track_and_bar_is_the_same(score, resolution):
    """Drums and empty bars included; the values of the newest encoder and, for a track's polyphony and density, of yellow."""
    score = regrid(score, resolution, keep_deltas=False, rounding=GridRounding.FLOOR)
    theirs = to_theirs(score)
    rows_of = [attributes.grid_rows(track) for track in score.tracks]
    key = measures.key_level(measures.pitch_class_ticks([row for rows in rows_of for row in rows]))
    for number, (track, rows) in enumerate(zip(score.tracks, rows_of, strict=True)):
        lengths = [bar.length_ticks(resolution) for bar in track.bars]
        found = attributes.compute_rows(
            rows, lengths, resolution, track.is_drum, specs=tuple(attributes.SPECS.values()), key=key, legacy=True
        )
        expected = {
            name: level
            for analyzer in ANALYZERS
            for name, level in analyzer.compute_track_tokens(theirs, number).items()
        }
        assert found == expected
        for bar, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            levels = attributes.compute_bar(row, length, track.is_drum)
            types = {attributes.SPECS[name].token_type.value: level for name, level in levels.items()}
            assert types == ANALYZERS[0].compute_bar_tokens(theirs, number, bar)


@given(scores(resolution=480), st.sampled_from(("prism", "expressive_new")), st.data())
@settings(max_examples=60, deadline=None)
def test_genre_and_switches_are_stated_the_same(score, name, data):
    switchable = TokenType.USE_VELOCITY in LEGACY[name].vocabulary
    genre = data.draw(st.none() | st.integers(0, 17))
    velocity, microtiming = (data.draw(st.booleans()) if switchable else True for _ in range(2))
    options = core.EncodeOptions()
    options.genre = -1 if genre is None else genre
    options.use_velocity, options.use_microtiming = int(velocity), int(microtiming)
    style = Style(genre, velocity, microtiming)
    assert LEGACY[name].encode(score, style=style).ids == THEIRS[name].encode(to_theirs(score), options)


@given(
    st.sampled_from(golden.FAMILY),
    st.lists(st.sampled_from(METERS), min_size=1, max_size=3),
    st.booleans(),
    st.randoms(),
)
@settings(max_examples=60, deadline=None)
def test_what_a_model_could_write_decodes_the_same(name, meters, is_drum, random):
    tokenizer = LEGACY[name]
    bars = [Bar((), meter) for meter in meters] + [Bar()] * (4 - len(meters))
    score = Score((Track(tuple(bars), 7, is_drum),), 12)
    targets = [(0, bar) for bar in range(len(meters))]
    ids = tokenizer.encode(score, targets=targets).ids
    state = Tokenizer(golden.config(name)).grammar.start_infill(
        [WrittenBar(is_drum, m) for m in meters], density_hard_limit=9
    )
    while not state.done:
        ids.append(int(random.choice(np.flatnonzero(state.legal()))))
        state.advance(ids[-1])
    assert ours(tokenizer.decode(ids)) == music(THEIRS[name].decode(ids, resample=False))
    assert ours(tokenizer.decode(ids, 1920)) == music(THEIRS[name].decode(ids))


@given(scores(resolution=480))
@settings(max_examples=60, deadline=None)
def test_files_we_write_are_read_the_same(score):
    data = score.to_midi()
    read = Score.from_midi(data)
    assert ours(read) == music(midigpt.Score.from_bytes(data))
