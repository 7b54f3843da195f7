"""Late bars: nothing but the bars being written looks at them, so that everything else can be computed before they are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.onnx.backend import OnnxBackend
from companion.inference.backends.reference import ReferenceBackend, build_model
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.layout import single_tracks
from companion.inference.prompts.prompt import build_prompt
from companion.music import Bar

# The player is track 0, playing bar 5; tracks 1 to 3 are ours and need bar 6.
TARGETS = ((1, 6), (2, 6), (3, 6))
FUTURE = frozenset({(0, 6), *((track, 7) for track in range(4))})


@pytest.fixture
def job(band) -> LiveJob:
    return LiveJob(band, TARGETS, hidden=FUTURE, growing=frozenset({(0, 5)}), seed=3, density_hard_limit=8)


def with_notes(job: LiveJob, track: int, bar: int, count: int) -> LiveJob:
    """The job with `count` notes in a bar, other ones than it has."""
    own = job.window.tracks[track]
    note = own.bars[0].notes[0]
    notes = tuple(replace(note, onset_ticks=48 * place, pitch=60 + place % 12) for place in range(count))
    return replace(
        job, window=job.window.with_track(track, own.with_bar(bar, Bar(notes, own.bars[bar].time_signature)))
    )


def prompts_of(live: LiveInfill, job: LiveJob) -> list:
    return [live._prepare(part)[0] for part in single_tracks(job)]


@pytest.mark.parametrize("name", ["yellow", "ghost", "expressive"])
def test_what_is_known_ahead_does_not_depend_on_late_bars(engine_of, job, name) -> None:
    """Not its ids, and not its positions, however many notes there come to be."""
    live = LiveInfill(engine_of(name))
    bare = prompts_of(live, with_notes(with_notes(job, 0, 5, 0), 1, 6, 0))
    for count in (1, 3, 8, 40):
        later = with_notes(with_notes(job, 0, 5, count), 1, 6, count)
        for part, (before, after) in enumerate(zip(bare, prompts_of(live, later), strict=True)):
            np.testing.assert_array_equal(before.skeleton.ids, after.skeleton.ids)
            np.testing.assert_array_equal(before.skeleton.positions, after.skeleton.positions)
            assert before.next_position == after.next_position
            assert after.late.sum() - before.late.sum() >= count * (2 if part else 1)


def test_late_bars_stand_in_order_in_the_room_kept_for_them(engine_of, job) -> None:
    live = LiveInfill(engine_of("yellow"))
    ends = set()
    for count in (2, 60):
        prompt = prompts_of(live, with_notes(job, 0, 5, count))[0]
        positions = prompt.masked.positions
        assert (np.diff(positions) >= (0 if count == 60 else 1)).all()
        before, after = (positions[~prompt.late & beside].tolist() for beside in _sides(prompt.late))
        inside = positions[prompt.late]
        assert before[-1] < inside[0]
        assert inside[-1] < after[0]
        ends.add((before[-1], after[0]))
    assert len(ends) == 1


def _sides(late: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    place = np.arange(len(late))
    rows = np.flatnonzero(late)
    return place < rows[0], place > rows[-1]


def masked_logits(checkpoint, prompt) -> np.ndarray:
    """Logits after the prompt from one pass in which an explicit mask keeps the rest of the prompt from looking at late bars."""
    model = build_model(checkpoint.config)
    model.load_state_dict(dict(checkpoint.state_dict))
    late = torch.from_numpy(prompt.late)
    seen = torch.ones(len(late), len(late), dtype=torch.bool).tril()
    seen[~late] &= ~late
    seen[-1] = True
    mask = torch.where(seen, 0.0, -torch.inf)[None, None]
    ids, positions = (torch.from_numpy(part)[None] for part in (prompt.masked.ids, prompt.masked.positions))
    with torch.inference_mode():
        return model(input_ids=ids, position_ids=positions, attention_mask=mask).logits[0, -1].numpy()


def onnx(scheme: str):
    return lambda checkpoint, folder: OnnxBackend.from_checkpoint(checkpoint, quantization=scheme, cache_dir=folder)


ENGINES = {
    "reference": (lambda checkpoint, _: ReferenceBackend.from_checkpoint(checkpoint), 1e-4),
    "onnx": (onnx("fp32"), 1e-4),
    "onnx with bytes": (onnx("q8-kv8"), 0.3),
    "cuda": (lambda checkpoint, _: CudaBackend.from_checkpoint(checkpoint, "cpu"), 1e-4),
}


@pytest.mark.parametrize(("make", "tolerance"), ENGINES.values(), ids=ENGINES)
def test_putting_them_in_between_is_what_a_mask_would_do(engine_of, job, tmp_path, make, tolerance) -> None:
    engine = engine_of("yellow")
    runner = PromptRunner(make(engine.checkpoint, tmp_path), engine.tokenizer)
    live = LiveInfill(engine)
    for slot, prompt in enumerate(prompts_of(live, job)):
        assert prompt.late.any()
        cache, _ = runner.complete(prompt, None, slot)
        assert cache.length == len(prompt.masked.ids) - 1
        np.testing.assert_array_equal(cache.tokens, [prompt.masked.ids[:-1], prompt.masked.positions[:-1]])
        found = runner.backend.forward(cache, prompt.masked.ids[None, -1:], prompt.masked.positions[None, -1:])[0]
        expected = masked_logits(engine.checkpoint, prompt)
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_at_request_time_only_late_bars_are_new(engine_of, job) -> None:
    live = LiveInfill(InferenceEngine(engine_of("yellow").checkpoint, engine_of("yellow").backend))
    early = live.prefill(with_notes(job, 0, 5, 0))
    again = live.prefill(with_notes(job, 0, 5, 2))
    assert (again.new_tokens, again.reused_tokens) == (0, early.new_tokens)
    result = live.generate(job)
    assert result.reused_tokens == early.new_tokens
    fresh = result.generated_tokens * 2  # the first track's bar is late in two parts, the second's in one
    growing = 3 * (4 + 4 * len(job.window.tracks[0].bars[5].notes))
    assert 0 < result.new_tokens <= growing + fresh + 3 * 4


def test_it_makes_no_difference_what_was_prefilled(engine_of, job) -> None:
    checkpoint, backend = engine_of("yellow").checkpoint, engine_of("yellow").backend
    cold, warm = (LiveInfill(InferenceEngine(checkpoint, backend)) for _ in range(2))
    warm.prefill(with_notes(job, 0, 5, 1))
    warm.generate(replace(with_notes(job, 0, 5, 2), seed=99))
    assert warm.generate(job).takes == cold.generate(job).takes


def test_the_written_bar_hears_what_is_late(engine_of, job) -> None:
    live = LiveInfill(engine_of("yellow"))
    first = replace(job, targets=((1, 6),), hidden=FUTURE | {(2, 6), (3, 6)})
    quiet, loud = (
        masked_logits(engine_of("yellow").checkpoint, live._prepare(with_notes(first, 0, 5, n))[0]) for n in (0, 8)
    )
    assert np.abs(quiet - loud).max() > 1e-3


def test_targets_are_never_late(engine_of, job) -> None:
    live = LiveInfill(engine_of("yellow"))
    prompt, request, _, _ = live._prepare(replace(single_tracks(job)[0], growing=frozenset({(0, 5), (1, 6)})))
    assert request.late.isdisjoint(request.targets)
    assert not prompt.late[-1]


def test_offline_requests_have_no_late_bars(engine_of, band) -> None:
    from companion.inference.prompts.prompt import WindowRequest

    prompt = build_prompt(engine_of("yellow").tokenizer, WindowRequest(band, ((1, 6),)))
    assert not prompt.late.any()
    np.testing.assert_array_equal(prompt.masked.positions, prompt.skeleton.positions)
