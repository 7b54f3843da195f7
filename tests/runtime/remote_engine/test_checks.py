"""What another machine may send: numbers that point to something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.music import Bar, Note, TimeSignature, Track
from companion.runtime.engine.worker import example_job
from companion.runtime.remote_engine.checks import job_fault, size_fault
from companion.session.api.effects import Job
from companion.session.api.events import LoadedSize
from tests.session.session_stage import CHECKPOINT

JOB = example_job(8)


def with_bar(bar: Bar) -> Job:
    track = JOB.window.tracks[0]
    return replace(JOB, window=JOB.window.with_track(0, track.with_bar(0, bar)))


FAULTY = {
    "no tracks": replace(JOB, window=replace(JOB.window, tracks=())),
    "another resolution": replace(JOB, window=replace(JOB.window, resolution=96)),
    "tracks of different length": replace(JOB, window=JOB.window.with_track(0, Track(()))),
    "no target": replace(JOB, targets=()),
    "a target outside": replace(JOB, targets=((0, 8),)),
    "a target before": replace(JOB, targets=((-1, 0),)),
    "the same target twice": replace(JOB, targets=((0, 7), (0, 7))),
    "hidden outside": replace(JOB, hidden=((3, 0),)),
    "too few lanes": replace(JOB, tracks=(0, 1)),
    "a lane twice": replace(JOB, tracks=(0, 1, 1)),
    "too few controls": replace(JOB, attributes=({},)),
    "chord tracks outside": replace(JOB, chord_tracks=(9,)),
    "too many takes": replace(JOB, takes=1000),
    "half an expectation": replace(JOB, expected=(1.0,)),
    "an endless expectation": replace(JOB, expected=(float("inf"),) * 12),
    "from nowhere": replace(JOB, from_beat=float("nan")),
    "given notes for no lane": replace(JOB, forced={7: ()}),
    "a key that MIDI has not": with_bar(Bar((Note(0, 10, 128),))),
    "a velocity that MIDI has not": with_bar(Bar((Note(0, 10, 60, 1000),))),
    "an endless note": with_bar(Bar((Note(0, 10**12, 60),))),
    "a meter without a denominator": with_bar(Bar((), TimeSignature(4, 0))),
}


def test_jobs_of_ours_pass():
    for dim in (4, 8, 16):
        assert job_fault(example_job(dim)) == ""


@pytest.mark.parametrize("job", FAULTY.values(), ids=FAULTY)
def test_impossible_jobs_are_refused(job):
    assert job_fault(job)


def test_impossible_models_are_refused():
    assert size_fault(LoadedSize(CHECKPOINT, ((4, 0.1),))) == ""
    for info in (
        replace(CHECKPOINT, num_bars_map=()),
        replace(CHECKPOINT, num_bars_map=(0,)),
        replace(CHECKPOINT, mask_modes=()),
        replace(CHECKPOINT, n_positions=0),
        replace(CHECKPOINT, parameters=-1),
    ):
        assert size_fault(LoadedSize(info))
    assert size_fault(LoadedSize(CHECKPOINT, ((4, float("nan")),)))
