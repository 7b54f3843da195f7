"""Several sizes of one checkpoint in the engine: real tiny models, with the shipped folder's coming layout."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError
from companion.inference.backends.reference import build_model
from companion.inference.checkpoints import hub
from companion.inference.checkpoints.family import Member
from companion.inference.checkpoints.files import ModelConfig, save_checkpoint
from companion.runtime.engine.sizes import LoadedSizes, build_graph, open_member
from companion.runtime.engine.worker import Worker, example_job
from companion.runtime.recording.documents import from_json, to_json
from companion.session.api.events import EngineReady, LoadedSize
from companion.session.api.settings import ModelSettings
from companion.tokenizer import EncoderConfig, Vocabulary

REFERENCE = ModelSettings(checkpoint="yellow", engine="reference")
PLENTY = 10**10


def save_random(path: Path, width: int) -> None:
    encoder = EncoderConfig.load("yellow")
    config = ModelConfig(Vocabulary(encoder).size, 512, width, 1, 2)
    torch.manual_seed(0)
    save_checkpoint(path, config, encoder, build_model(config).state_dict(), dtype=torch.float16)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hub, "SHIPPED_FOLDER", tmp_path)
    save_random(tmp_path / "yellow.pt", 64)
    save_random(tmp_path / "yellow_mini.pt", 32)
    return tmp_path


def names(event: EngineReady) -> list[str]:
    return [size.checkpoint.name for size in event.sizes]


def load(**choices) -> LoadedSizes:
    """All sizes of the shipped folder, with memory to spare and without the seconds that measuring takes."""
    unmeasured = {name: lambda worker: LoadedSize(worker.info()) for name in ("measure", "measure_later")}
    return LoadedSizes(REFERENCE, lambda: PLENTY, **unmeasured, **choices)


def wait_for(sizes: LoadedSizes) -> EngineReady:
    """The loader's next news; its thread is joined, so that nothing is polled in a loop."""
    for thread in threading.enumerate():
        if thread.name == "larger sizes":
            thread.join(60)
    news = sizes.poll()
    assert news is not None
    return news


def test_both_sizes_are_loaded_and_a_job_says_which_one_writes(shipped):
    sizes = load()
    ready = sizes.ready()
    assert names(ready) == ["yellow_20m", "yellow_mini"]
    assert ready.remarks == ()
    parameters = [sizes.worker(name).info().parameters for name in ("yellow_20m", "yellow_mini")]
    assert parameters[0] > parameters[1]
    assert sizes.worker("") is sizes.worker("yellow_20m")
    outcome = sizes.worker("yellow_mini").generate(example_job(4), lambda event: None)
    assert outcome.result is not None
    sizes.close()


def test_the_news_survives_the_recording(shipped):
    sizes = load()
    ready = sizes.ready()
    assert from_json(to_json(ready)) == ready
    sizes.close()


def test_a_size_that_must_be_built_joins_later_and_the_smaller_one_is_ready_at_once(shipped):
    built: list[str] = []

    def build(member, engine: str) -> str:
        built.append(member.name)
        return ""

    sizes = load(is_built=lambda member, engine: False, build=build)
    ready = sizes.ready()
    assert names(ready) == ["yellow_mini"]
    assert ready.remarks == ("yellow_20m is prepared for this machine, once: yellow_mini plays meanwhile",)
    assert names(wait_for(sizes)) == ["yellow_20m", "yellow_mini"]
    assert built == ["yellow_20m"]
    assert sizes.poll() is None
    sizes.close()


def test_a_size_that_joins_while_another_plays_is_measured_with_one_bar(shipped, monkeypatch):
    asked: list[int] = []
    generate = Worker.generate

    def counted(worker, job, emit, cancelled=None):
        asked.append(job.window.bar_count)
        return generate(worker, job, emit, cancelled)

    monkeypatch.setattr(Worker, "generate", counted)
    worker = open_member(Member("yellow_mini", shipped / "yellow_mini.pt"), "reference")
    ((window, seconds),) = worker.loaded_during_music().warm_seconds
    assert asked == [window] == [min(worker.info().num_bars_map)]
    assert seconds > 0
    worker.close()


def test_a_build_that_fails_is_said_once_and_the_smaller_size_plays_on(shipped):
    sizes = load(is_built=lambda member, engine: False, build=lambda member, engine: "no room")
    assert names(sizes.ready()) == ["yellow_mini"]
    news = wait_for(sizes)
    assert names(news) == ["yellow_mini"]
    assert news.remarks == ("yellow_20m cannot be used: no room",)
    assert sizes.ready().remarks == ()
    sizes.close()


def test_a_damaged_size_is_named_and_the_other_one_plays(shipped):
    (shipped / "yellow.pt").write_bytes(b"PK damaged")
    sizes = load()
    ready = sizes.ready()
    assert names(ready) == ["yellow_mini"]
    (remark,) = ready.remarks
    assert remark.startswith("yellow_20m cannot be used: ")
    sizes.close()


def test_a_size_that_runs_out_of_memory_is_named(shipped):
    def opener(member, engine: str):
        if member.name == "yellow_20m":
            raise MemoryError
        return open_member(member, engine)

    sizes = load(opener=opener)
    assert sizes.ready().remarks == ("yellow_20m cannot be used: yellow_20m does not fit into memory",)
    sizes.close()


def test_nothing_that_can_be_loaded_is_an_error(shipped):
    for path in shipped.glob("*.pt"):
        path.write_bytes(b"PK damaged")
    with pytest.raises(CheckpointError):
        load()


def test_the_graph_builder_is_a_process_of_its_own(shipped, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(shipped / "cache"))
    from companion.inference.backends.select import has_built_graph

    member = Member("yellow_20m", shipped / "yellow.pt")
    assert not has_built_graph(member.path, "onnx")
    assert build_graph(member, "onnx") == ""
    assert has_built_graph(member.path, "onnx")
    (shipped / "yellow.pt").write_bytes(b"PK damaged")
    assert "yellow.pt" in build_graph(member, "onnx")


def test_the_listing_says_which_files_belong_together(shipped):
    from companion.cli.models.checkpoint_sizes import families, size_names

    found = families([shipped / "yellow.pt", shipped / "yellow_mini.pt"])
    assert [family.name for family in found] == ["yellow"]
    assert size_names(found) == {
        str(shipped / "yellow.pt"): ("yellow", "yellow_20m"),
        str(shipped / "yellow_mini.pt"): ("yellow", "yellow_mini"),
    }


def test_what_would_run_here_follows_the_tempo(shipped):
    from companion.runtime.machine.size_here import sizes_at

    sizes = load()
    large, mini = (size.checkpoint for size in sizes.ready().sizes)
    sizes.close()
    slow = LoadedSize(large, ((4, 0.15), (8, 0.2)))
    quick = LoadedSize(mini, ((4, 0.03), (8, 0.04)))
    # 0.15 s · 2 unmeasured · 2.4 for three parts · 1.25 margin = 0.9 s, which must be half a bar at most
    assert [place.name for place in sizes_at([slow, quick], (80, 120, 160))] == [
        "yellow_20m",
        "yellow_20m",
        "yellow_mini",
    ]
    assert sizes_at([slow, quick], (160,))[0].why == "yellow_20m needs 0.9 of 1.5 s a bar"
