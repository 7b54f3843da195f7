"""Parts of a bar in one batch: the same tokens as alone, and who hears whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.errors import GenerationCancelled
from companion.inference.backends.onnx.backend import OnnxBackend
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.layout import stages

FUTURE = frozenset({(0, 6), (0, 7), (1, 7), (2, 7), (3, 7)})


@pytest.fixture(scope="module")
def engine(checkpoint_of, tmp_path_factory):
    """With float weights and keys, so that a batch differs from single rows by rounding only."""
    checkpoint = checkpoint_of("yellow")
    backend = OnnxBackend.from_checkpoint(
        checkpoint, quantization="fp32", cache_dir=tmp_path_factory.mktemp("graphs"), threads=1
    )
    return InferenceEngine(checkpoint, backend)


@pytest.fixture
def job(band):
    return LiveJob(
        band, ((1, 6), (2, 6), (3, 6)), hidden=FUTURE, growing=frozenset({(0, 5)}), seed=3, density_hard_limit=8
    )


def layout(job, together):
    return [[part.job.targets[0][0] for part in stage] for stage in stages(job, together)]


def test_stages_begin_with_bass_and_drums(job):
    tracks = job.window.tracks
    ground = [track for track in (1, 2, 3) if tracks[track].is_drum or 32 <= tracks[track].program < 40]
    others = [track for track in (1, 2, 3) if track not in ground]
    assert ground
    assert others
    assert layout(job, "alone") == [[1], [2], [3]]
    assert layout(job, "all") == [[1, 2, 3]]
    assert layout(job, "stages") == [ground, others]


def test_parts_of_a_stage_do_not_hear_each_other(job):
    ((first, second, third),) = stages(job, "all")
    assert {(2, 6), (3, 6)} <= first.job.hidden
    assert {(1, 6), (3, 6)} <= second.job.hidden
    assert not third.job.fresh
    later = stages(job, "stages")[1][0].job
    assert later.fresh
    assert not later.fresh & later.hidden


@pytest.mark.parametrize("together", ["all", "stages"])
def test_a_batch_writes_what_its_parts_would_write_alone(engine, job, together):
    live = LiveInfill(engine, together)
    whole = live.generate(job)
    window = job.window
    for stage in stages(job, together):
        written = {}
        for part in stage:
            settings = replace(part.job, window=window)
            alone = LiveInfill(engine, "alone")
            # The part's number fixes its random numbers; alone, a part is number 0.
            result = alone._generate_stage(job, [replace(part, job=settings)], None, None, None)
            written |= result.takes[0].bars
        for (track, bar), notes in written.items():
            assert whole.takes[0].bars[track, bar] == notes
            row = window.tracks[track]
            window = window.with_track(track, row.with_bar(bar, replace(row.bars[bar], notes=notes)))
    assert whole.takes[0].finished
    assert whole.forward_calls < sum(len(take.ids) for take in whole.takes)


def test_notes_stream_from_all_parts(engine, job):
    heard, bars = {}, []
    result = LiveInfill(engine, "all").generate(
        job,
        lambda track, bar, note, take: heard.setdefault((track, bar), []).append(note),
        lambda track, bar, take: bars.append((track, bar)),
    )
    assert sorted(bars) == [(1, 6), (2, 6), (3, 6)]
    assert {cell: tuple(notes) for cell, notes in heard.items()} == {
        cell: notes for cell, notes in result.takes[0].bars.items() if notes
    }


def test_a_batch_can_be_cancelled_and_the_next_one_is_sound(engine, job):
    live = LiveInfill(engine, "all")
    expected = live.generate(job).takes
    asked = []

    def cancel():
        asked.append(True)
        return len(asked) > 12

    with pytest.raises(GenerationCancelled):
        live.generate(job, cancel=cancel)
    assert live.generate(job).takes == expected


def test_a_backend_without_rows_writes_one_by_one(engine_of, job):
    assert LiveInfill(engine_of("yellow"), "all").together == "alone"


def test_forced_notes_and_batches_go_together(engine, job):
    standing = {1: job.window.tracks[1].bars[5].notes[:2]}
    late = replace(job, forced=standing, from_beat=2.0)
    result = LiveInfill(engine, "all").generate(late)
    assert all(note.onset_ticks >= 960 for notes in result.takes[0].bars.values() for note in notes)
