"""The engine: what it may touch, what it must not see, how it stops, repeats and fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion.errors import GenerationCancelled, GenerationError
from companion.inference.backends.base import fork
from companion.inference.backends.reference import ReferenceBackend
from companion.inference.engine import InferenceEngine
from companion.inference.requests.request import GenerationRequest, InferenceConfig, TrackPrompt
from companion.music import Bar, Note
from companion.tokenizer import TokenType
from tests import golden
from tests.inference.conftest import random_checkpoint

QUICK = InferenceConfig(model_dim=4, seed=5, density_hard_limit=6)
CELLS = [
    (name, model_dim, mode)
    for name, widths, modes in (
        ("yellow", (4, 8), ("attention", "attention_approx", "attention_skip", "remove", "auto")),
        ("ghost", (4, 8, 12, 16), ("token", "attention", "attention_approx", "attention_skip", "remove", "auto")),
        ("expressive", (4, 8), ("attention", "attention_approx", "attention_skip", "remove", "auto")),
    )
    for model_dim in widths
    for mode in modes
]


@pytest.mark.parametrize(("name", "model_dim", "mode"), CELLS)
def test_every_cell_of_the_matrix_generates(engine_of, name, model_dim, mode):
    score = golden.read("synth/s14_band16.mid")
    hidden = {
        track: [bar for bar in range(model_dim // 2, model_dim) if (track, bar) != (1, model_dim // 2)]
        for track in range(4)
    }
    config = replace(QUICK, model_dim=model_dim, mask_mode=mode)
    request = GenerationRequest.infill(4, {1: [model_dim // 2]}, hidden, config)
    result = engine_of(name).generate(score, request)
    assert result.score.tracks[1].bars[model_dim // 2].notes
    step = result.steps[0]
    hides_by_leaving_out = result.mask_mode.startswith("attention")
    assert (len(step.position_ids) < len(step.prompt_ids)) == hides_by_leaving_out
    assert bool(step.hidden_spans) == hides_by_leaving_out


@pytest.mark.parametrize(("name", "resolution"), [("yellow", 480), ("yellow", 220), ("expressive", 96)])
def test_untouched_and_hidden_bars_come_back_bit_for_bit(engine_of, name, resolution):
    score = replace(golden.read("synth/s14_band8_human.mid"), resolution=resolution)
    request = GenerationRequest.infill(4, {0: [2, 5], 3: [5]}, {1: [5, 6], 0: [7]}, QUICK)
    result = engine_of(name).generate(score, request)
    targets = {(0, 2), (0, 5), (3, 5)}
    for track, (before, after) in enumerate(zip(score.tracks, result.score.tracks, strict=True)):
        assert replace(after, bars=before.bars) == before
        for number, (old, new) in enumerate(zip(before.bars, after.bars, strict=True)):
            assert (old is new) == ((track, number) not in targets)
    assert result.score.resolution == resolution
    assert result.score.tempo == score.tempo


@pytest.mark.parametrize("target_last", [False, True])
def test_the_track_to_be_filled_may_stand_last_in_the_prompt(engine_of, target_last):
    score = golden.read("synth/s14_band8_human.mid")
    engine, bars, streamed = engine_of("yellow"), [], []
    request = GenerationRequest.infill(4, {1: [3, 4]}, {3: [7]}, replace(QUICK, model_dim=8, target_last=target_last))
    result = engine.generate(
        score,
        request,
        on_note=lambda track, bar, note, take: streamed.append((track, bar)),
        on_bar=lambda track, bar, take: bars.append((track, bar)),
    )
    vocabulary = engine.tokenizer.vocabulary
    for step in result.steps:
        seen = [vocabulary.type_of(token) for token in step.prompt_ids]
        programs = [value for token_type, value in seen if token_type is TokenType.INSTRUMENT]
        own = [vocabulary.instrument_classes[track.program] for track in score.tracks]
        assert programs == ([own[0], own[2], own[3], own[1]] if target_last else own)
        starts = [at for at, (token_type, _) in enumerate(seen) if token_type is TokenType.TRACK]
        gap = next(at for at, (token_type, _) in enumerate(seen) if token_type is TokenType.FILL_IN_PLACEHOLDER)
        assert sum(start < gap for start in starts) == (4 if target_last else 2)
    assert [step.targets for step in result.steps] == [((1, 3),), ((1, 4),)]
    assert bars == [(1, 3), (1, 4)]
    assert set(streamed) <= set(bars)
    for track, (before, after) in enumerate(zip(score.tracks, result.score.tracks, strict=True)):
        for number, (old, new) in enumerate(zip(before.bars, after.bars, strict=True)):
            assert (old is new) == ((track, number) not in bars)


def test_notes_and_bars_stream_as_they_end_up(engine_of, band):
    notes, bars = {}, []
    result = engine_of("yellow").generate(
        band,
        GenerationRequest.infill(4, {0: [3], 2: [3, 4]}, config=replace(QUICK, bars_per_step=2, tracks_per_step=2)),
        on_note=lambda track, bar, note, take: notes.setdefault((track, bar), []).append(note),
        on_bar=lambda track, bar, take: bars.append((track, bar)),
    )
    assert sorted(bars) == [(0, 3), (2, 3), (2, 4)]
    for track, bar in bars:
        assert tuple(notes[track, bar]) == result.score.tracks[track].bars[bar].notes


def test_a_seed_repeats_and_takes_do_not_depend_on_their_batch(engine_of, band):
    request = GenerationRequest.infill(4, {0: [3, 4]}, config=replace(QUICK, num_candidates=3))
    engine = engine_of("yellow")
    three, again = engine.generate(band, request), engine.generate(band, request)
    alone = engine.generate(band, GenerationRequest.infill(4, {0: [3, 4]}, config=QUICK))
    assert three.takes == again.takes
    assert three.takes[0] == alone.score
    assert len(set(three.takes)) == 3
    unseeded = engine.generate(band, GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, seed=-1)))
    repeated = GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, seed=unseeded.seed))
    assert engine.generate(band, repeated).score == unseeded.score


@pytest.mark.parametrize("after", [0, 1, 7, 12])
def test_cancelling_stops_between_forward_passes(engine_of, band, after):
    asked = []

    def cancel() -> bool:
        asked.append(True)
        return len(asked) > after

    with pytest.raises(GenerationCancelled):
        engine_of("yellow").generate(band, GenerationRequest.infill(4, {0: [3]}, config=QUICK), cancel=cancel)
    assert len(asked) == after + 1


def test_model_errors_are_raised_and_leave_a_usable_engine(checkpoint_of, band):
    class Failing(ReferenceBackend):
        broken = False

        def forward(self, cache, ids, positions):
            if self.broken and ids.shape[1] < 100:
                raise GenerationError("the model failed: out of memory")
            return super().forward(cache, ids, positions)

    checkpoint = checkpoint_of("yellow")
    engine = InferenceEngine(checkpoint, Failing.from_checkpoint(checkpoint))
    request = GenerationRequest.infill(4, {0: [3]}, config=QUICK)
    before = engine.generate(band, request)
    engine.backend.broken = True
    with pytest.raises(GenerationError, match="out of memory"):
        engine.generate(band, request)
    engine.backend.broken = False
    assert engine.generate(band, request).score == before.score


def test_targets_do_not_leak_their_old_notes_nor_attributes(engine_of, band):
    """Whatever stood in the target bars, every step sees the same prompt (attributes included) until a target is written."""
    loud = Bar(tuple(Note(tick, 30, 40 + tick // 60, 127) for tick in range(0, 1900, 60)))
    targets = {0: [2, 3, 4], 3: [3]}
    other = band
    for track, bars in targets.items():
        for bar in bars:
            other = other.with_track(track, other.tracks[track].with_bar(bar, loud))
    request = GenerationRequest.infill(4, targets, config=QUICK)
    first, second = (engine_of("yellow").generate(score, request) for score in (band, other))
    assert [step.prompt_ids for step in first.steps] == [step.prompt_ids for step in second.steps]
    assert first.score == second.score
    leaking = replace(QUICK, leak_targets=True, analyze_targets=True)
    leaky = [
        engine_of("yellow").generate(score, GenerationRequest.infill(4, targets, config=leaking)).steps[0].prompt_ids
        for score in (band, other)
    ]
    assert leaky[0] != leaky[1]


def test_user_attributes_stand_in_the_prompt(engine_of, band):
    engine = engine_of("yellow")
    vocabulary = engine.tokenizer.vocabulary
    request = GenerationRequest.infill(
        4, {0: [3]}, config=QUICK, attributes={0: {"max_polyphony": 9, "min_note_duration": 5}}
    )
    words = [vocabulary.describe(token) for token in engine.generate(band, request).steps[0].prompt_ids[:12]]
    assert {"MaxPolyphony 9", "MinNoteDuration 5"} <= set(words)


def test_autoregressive_writes_the_suffix_and_nothing_else(engine_of, band):
    tracks = tuple(TrackPrompt(t, bars=(5, 6, 7) if t == 1 else (), autoregressive=t == 1) for t in range(4))
    result = engine_of("yellow").generate(band, GenerationRequest(tracks, QUICK))
    assert [step.targets for step in result.steps] == [((1, 5),), ((1, 6), (1, 7))]
    assert all(step.autoregressive for step in result.steps)
    changed = [
        (track, bar)
        for track, (old, new) in enumerate(zip(band.tracks, result.score.tracks, strict=True))
        for bar, (a, b) in enumerate(zip(old.bars, new.bars, strict=True))
        if a is not b
    ]
    assert changed == [(1, 5), (1, 6), (1, 7)]


def test_rests_are_written_only_when_allowed(engine_of, band):
    engine = engine_of("yellow")
    fill_end = engine.tokenizer.vocabulary.id(_fill_end())
    quiet = _Biased(engine.backend, fill_end)
    biased = InferenceEngine(engine.checkpoint, quiet)
    request = GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, allow_rests=True))
    assert biased.generate(band, request).score.tracks[0].bars[3].notes == ()
    request = GenerationRequest.infill(4, {0: [3]}, config=QUICK)
    assert len(biased.generate(band, request).score.tracks[0].bars[3].notes) == 1


def _fill_end():
    from companion.tokenizer import TokenType

    return TokenType.FILL_IN_END


class _Biased:
    """A backend whose model wants one token above all."""

    def __init__(self, backend, token: int) -> None:
        self._backend, self._token = backend, token

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def forward(self, cache, ids, positions):
        logits = self._backend.forward(cache, ids, positions).copy()
        logits[:, self._token] += 1e4
        return logits


def test_silence_and_copies_are_tried_again_then_refused(engine_of, band):
    engine = engine_of("yellow")
    first = engine.generate(band, GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, top_k=1)))
    again = GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, top_k=1, max_attempts=2))
    with pytest.raises(GenerationError, match="unchanged ×2"):
        engine.generate(first.score, again)
    off = GenerationRequest.infill(4, {0: [3]}, config=replace(QUICK, top_k=1, novelty_check=False))
    assert engine.generate(first.score, off).score == first.score
    similar = replace(QUICK, top_k=1, novelty_threshold=0.5, max_attempts=1)
    with pytest.raises(GenerationError, match="too similar"):
        engine.generate(first.score, GenerationRequest.infill(4, {0: [3]}, config=similar))


def test_a_prompt_that_does_not_fit_drops_far_tracks_then_bars(tmp_path, band):
    engine = InferenceEngine.from_checkpoint(
        random_checkpoint("yellow", tmp_path / "small.pt", n_positions=230), "reference"
    )
    request = GenerationRequest.infill(4, {0: [3, 4]}, config=replace(QUICK, model_dim=8, bars_per_step="auto"))
    result = engine.generate(band, request)
    assert all(len(step.prompt_ids) < 230 for step in result.steps)
    assert sorted(cell for step in result.steps for cell in step.targets) == [(0, 3), (0, 4)]
    tiny = InferenceEngine.from_checkpoint(
        random_checkpoint("yellow", tmp_path / "tiny.pt", n_positions=90), "reference"
    )
    step = tiny.generate(band, request).steps[0]
    assert step.window[1] - step.window[0] == 4
    assert step.hidden_spans
    none = InferenceEngine.from_checkpoint(
        random_checkpoint("yellow", tmp_path / "none.pt", n_positions=32), "reference"
    )
    with pytest.raises(GenerationError, match="32 tokens"):
        none.generate(band, request)


def test_forced_tokens_cost_no_forward_pass_and_prompts_are_reused(engine_of, band):
    engine = engine_of("yellow")
    backend = _Counting(engine.backend)
    counted = InferenceEngine(engine.checkpoint, backend)
    tracks = tuple(TrackPrompt(t, bars=(6, 7) if t == 1 else (), autoregressive=t == 1) for t in range(4))
    config = replace(QUICK, model_dim=8, bars_per_step="auto", density_hard_limit=2)
    result = counted.generate(band, GenerationRequest(tracks, config))
    generated = sum(len(step.generated_ids) for step in result.steps)
    prefills = sum(-(-len(step.position_ids) // 128) for step in result.steps)
    assert backend.calls - prefills <= generated - 5  # Bar, TimeSig (twice) and TrackEnd at least
    fed = backend.fed
    counted.generate(band, GenerationRequest(tracks, config))
    assert backend.fed - fed < 60


class _Counting:
    def __init__(self, backend) -> None:
        self._backend, self.calls, self.fed = backend, 0, 0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def forward(self, cache, ids, positions):
        self.calls += 1
        self.fed += ids.shape[1]
        return self._backend.forward(cache, ids, positions)


def test_meters_and_limits_hold_in_what_is_generated(engine_of):
    score = golden.read("synth/s08_ts_changes.mid")
    bars = min(score.bar_count, 8)
    config = replace(QUICK, model_dim="auto", polyphony_hard_limit=2, density_hard_limit=4)
    request = GenerationRequest.infill(len(score.tracks), {0: list(range(bars))}, config=config)
    result = engine_of("ghost").generate(score, request)
    for bar in result.score.tracks[0].bars[:bars]:
        assert len(bar.notes) <= 4
        assert all(note.onset_ticks < bar.length_ticks(score.resolution) for note in bar.notes)
        onsets = [note.onset_ticks for note in bar.notes]
        assert all(onsets.count(onset) <= 2 for onset in onsets)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_valid_request_fills_its_targets_and_only_those(engine_of, band, data):
    cells = [(track, bar) for track in range(4) for bar in range(8)]
    targets = data.draw(st.sets(st.sampled_from(cells), min_size=1, max_size=5))
    hidden = data.draw(st.sets(st.sampled_from(cells), max_size=10)) - targets
    config = replace(
        QUICK,
        model_dim=data.draw(st.sampled_from([4, 8])),
        bars_per_step=data.draw(st.sampled_from([1, 2, "auto"])),
        tracks_per_step=data.draw(st.sampled_from([1, 2, "auto"])),
        shuffle=data.draw(st.booleans()),
        mask_mode=data.draw(st.sampled_from(["attention", "remove"])),
        seed=data.draw(st.integers(0, 99)),
        density_hard_limit=2,
        novelty_check=False,
    )

    def by_track(chosen):
        return {track: sorted(bar for t, bar in chosen if t == track) for track in {t for t, _ in chosen}}

    result = engine_of("yellow").generate(
        band, GenerationRequest.infill(4, by_track(targets), by_track(hidden), config)
    )
    for track, bar in cells:
        old, new = band.tracks[track].bars[bar], result.score.tracks[track].bars[bar]
        assert (old is not new) == ((track, bar) in targets)
        assert new.notes or old is new


def test_logits_of_a_cut_and_refed_cache_are_the_same(engine_of):
    backend = engine_of("yellow").backend
    ids = (np.arange(90) * 13 % 647)[None]
    positions = np.arange(90)[None]
    whole = backend.forward(backend.new_cache(), ids, positions)
    cache = backend.new_cache()
    backend.forward(cache, ids[:, :70], positions[:, :70])
    cache.truncate(41)
    assert cache.length == 41
    again = backend.forward(cache, ids[:, 41:], positions[:, 41:])
    assert np.abs(whole - again).max() < 1e-4
    cache.truncate(89)
    forked = fork(backend, cache, 3)
    rows = backend.forward(forked, np.repeat(ids[:, 89:], 3, 0), np.repeat(positions[:, 89:], 3, 0))
    assert np.abs(rows - whole).max() < 1e-4
    with pytest.raises(GenerationError, match="2048"):
        backend.forward(cache, ids[:, :1], np.array([[2048]]))
    assert cache.length == 89
