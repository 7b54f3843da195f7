"""The chord guide in a prompt: the last track, and nothing but that changes with the chords."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.charts.reader import parse_chart
from companion.charts.spans import chart_spans
from companion.harmony.guide import GUIDE_PROGRAM, guide_bars
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.layout import live_request, single_tracks, track_order
from companion.inference.prompts.guide import with_guide
from companion.inference.requests.request import GenerationRequest, InferenceConfig
from companion.music import Note
from companion.tokenizer import TokenType
from tests.inference.conftest import random_checkpoint

CHART = parse_chart("| C | F | G7 | C | Am7 | Dm7 G7 | Em7 A7 | N.C. |")
GUIDES = guide_bars(list(chart_spans(CHART)))
FUTURE = frozenset({(0, 6), (0, 7), (1, 7), (3, 7)})


@pytest.fixture(scope="module")
def live(checkpoint_of):
    checkpoint = replace(checkpoint_of("yellow"), chord_guide=True)
    return LiveInfill(InferenceEngine.from_checkpoint(checkpoint, engine="reference"))


@pytest.fixture
def job(band):
    """The player is track 0; tracks 1 and 3 are ours and need bar 6, whose chords are known; track 2 shows them."""
    return LiveJob(
        band,
        ((1, 6), (3, 6)),
        hidden=FUTURE,
        growing=frozenset({(0, 5)}),
        seed=3,
        density_hard_limit=8,
        guide=GUIDES[6],
        chord_tracks=frozenset({2}),
    )


@pytest.fixture
def part(job):
    return single_tracks(job)[1]


@pytest.fixture
def program(live):
    """How the vocabulary writes the guide's program."""
    return TokenType.INSTRUMENT, live.engine.tokenizer.vocabulary.instrument_classes[GUIDE_PROGRAM]


def described(live, job):
    vocabulary = live.engine.tokenizer.vocabulary
    return [vocabulary.type_of(token) for token in live._prepare(job)[0].masked.ids.tolist()]


def tracks_of(tokens):
    """The tokens of each track, from its Track token on."""
    starts = [at for at, (kind, _) in enumerate(tokens) if kind is TokenType.TRACK]
    return [tokens[start:end] for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)]


def test_the_guide_is_the_last_track_and_sounds_in_the_target_bar_only(live, part, program):
    *_, guide = tracks_of(described(live, part))
    assert guide[:2] == [(TokenType.TRACK, 0), program]
    assert guide[2][0] is TokenType.BAR, "it has no attributes"
    assert guide[-1][0] is TokenType.FILL_IN_START
    bars = " ".join(kind.value for kind, _ in guide).split(TokenType.BAR.value + " ")[1:]
    sounding = [number for number, bar in enumerate(bars) if TokenType.NOTE_ONSET.value in bar]
    assert sounding == [6]
    pitches = [value for kind, value in guide if kind is TokenType.NOTE_ONSET]
    assert pitches == [note.pitch for note in GUIDES[6]]


def test_the_guide_costs_few_tokens(live, part):
    plain = described(live, replace(part, guide=None, chord_tracks=frozenset()))
    one_chord = described(live, replace(part, guide=GUIDES[4], chord_tracks=frozenset()))
    assert len(one_chord) - len(plain) <= 40, (
        "three for each of eight bars, three for the track, the rest for the chord"
    )


def test_the_comping_leaves_where_a_guide_takes_its_place(live, part):
    kept = track_order(replace(part, guide=None))
    assert sorted(kept) == [0, 1, 2, 3]
    assert sorted(track_order(part)) == [0, 1, 3]
    assert len(tracks_of(described(live, part))) == 4


def test_without_a_known_chord_the_guide_leaves_and_the_comping_stays(live, part, program):
    tokens = described(live, replace(part, guide=None))
    assert program not in tokens
    assert len(tracks_of(tokens)) == 4


def test_no_chord_is_a_guide_with_an_empty_bar(live, part, program):
    *_, guide = tracks_of(described(live, replace(part, guide=())))
    assert program in guide
    assert not [kind for kind, _ in guide if kind is TokenType.NOTE_ONSET]


def test_a_model_that_was_not_trained_for_it_gets_none(engine_of, live, part):
    plain = LiveInfill(engine_of("yellow"))
    assert described(plain, part) == described(plain, replace(part, guide=None))
    assert described(live, part) != described(plain, part)


def test_a_chord_that_changes_late_costs_only_the_guide(live, job):
    live.forget()
    live.prefill(job)
    changed = live.prefill(replace(job, guide=GUIDES[5]))
    assert changed.reused_tokens > 400
    assert changed.new_tokens < 2 * 70, "two parts, each with a guide of two chords"
    assert live.prefill(replace(job, guide=GUIDES[5])).new_tokens == 0


def test_what_is_written_depends_on_the_guide_and_not_on_when_it_was_known(live, job):
    live.forget()
    cold = live.generate(job)
    live.prefill(replace(job, guide=GUIDES[0]))
    assert live.generate(job).takes == cold.takes
    assert live.generate(replace(job, guide=GUIDES[0])).takes != cold.takes


def test_results_never_name_the_guide(live, job):
    heard = []
    result = live.generate(job, lambda track, bar, note, take: heard.append((track, bar)))
    assert set(result.takes[0].bars) == {(1, 6), (3, 6)}
    assert set(heard) <= {(1, 6), (3, 6)}


def test_a_long_prompt_loses_tracks_but_never_its_guide(tmp_path, job):
    path = random_checkpoint("yellow", tmp_path / "small.pt", n_positions=400)
    engine = InferenceEngine.from_checkpoint(path, "reference")
    engine.checkpoint = replace(engine.checkpoint, chord_guide=True)
    small = LiveInfill(engine)
    result = small.generate(replace(job, chord_tracks=frozenset()))
    assert result.dropped_tracks
    request = small._prepare(single_tracks(job)[0])[1]
    assert request.window.tracks[-1].program == GUIDE_PROGRAM


def test_a_guide_fits_a_window_of_any_resolution(band):
    window = replace(band, resolution=96)
    notes = with_guide(window, {2: (Note(480, 950, 60, 72),)}).tracks[-1].bars[2].notes
    assert notes == (Note(96, 190, 60, 72),)


def test_attributes_of_other_tracks_are_kept(part):
    request = live_request(replace(part, attributes={3: {"max_polyphony": 1}}), track_order(part), "attention")
    assert request.attributes[2] == {"max_polyphony": 1}
    assert set(request.attributes[3].values()) == {None}
    assert request.asked == {2: {"max_polyphony": 1}}


def offline(engine, band, guide, **options):
    config = InferenceConfig(model_dim=4, seed=3, density_hard_limit=8, max_attempts=1, allow_rests=True, **options)
    return engine.generate(band, replace(GenerationRequest.infill(4, {1: [5]}, config=config), guide=guide))


def test_a_file_is_filled_with_the_guide_too(live, band, program):
    engine, guide = live.engine, dict(enumerate(GUIDES))
    result = offline(engine, band, guide)
    vocabulary = engine.tokenizer.vocabulary
    *_, last = tracks_of([vocabulary.type_of(token) for token in result.steps[0].prompt_ids])
    assert last[1] == program
    assert [value for kind, value in last if kind is TokenType.NOTE_ONSET] == [note.pitch for note in GUIDES[5]]
    assert len(result.score.tracks) == len(band.tracks)
    assert not result.warnings


def test_bars_without_a_chord_are_filled_without_a_guide(live, band, program):
    result = offline(live.engine, band, {4: GUIDES[4]})
    tokens = [live.engine.tokenizer.vocabulary.type_of(token) for token in result.steps[0].prompt_ids]
    assert program not in tokens


def test_a_checkpoint_that_cannot_read_a_guide_says_so(engine_of, band):
    result = offline(engine_of("yellow"), band, dict(enumerate(GUIDES)))
    assert any("not trained with chord guides" in warning for warning in result.warnings)
    assert result.steps[0].prompt_ids == offline(engine_of("yellow"), band, {}).steps[0].prompt_ids
