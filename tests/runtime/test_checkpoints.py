"""Another checkpoint is loaded beside the one that plays: real tiny models, loaded in the real thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError
from companion.inference.backends.reference import build_model
from companion.inference.checkpoints.files import ModelConfig, save_checkpoint
from companion.runtime.engine.checkpoints import LEAVING_SECONDS, Checkpoints
from companion.runtime.engine.sizes import LoadedSizes
from companion.runtime.engine.worker import example_job
from companion.session.api.events import EngineEvent, EngineReady, LoadedSize, LoadFailed
from companion.session.api.settings import ModelSettings
from companion.tokenizer import EncoderConfig, Vocabulary


class Engine:
    """The checkpoints "one", "two" and "three"; `now` is the clock, and `may_load` holds the thread up until it is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        encoder = EncoderConfig.load("yellow")
        for name in ("one", "two", "three"):
            config = ModelConfig(Vocabulary(encoder).size, 512, 32, 1, 2)
            torch.manual_seed(0)
            save_checkpoint(
                folder / f"{name}.pt", config, encoder, build_model(config).state_dict(), dtype=torch.float16
            )
        self.now = 0.0
        self.may_load = threading.Event()
        self.may_load.set()
        self.closed: list[str] = []
        self.checkpoints = Checkpoints(self._load, lambda: self.now)

    def model(self, name: str) -> ModelSettings:
        return ModelSettings(checkpoint=str(self.folder / f"{name}.pt"), engine="reference")

    def _load(self, model: ModelSettings) -> LoadedSizes:
        assert self.may_load.wait(60)
        sizes = LoadedSizes(model, lambda: 10**10, measure=lambda worker: LoadedSize(worker.info()))
        close = sizes.close

        def noted() -> None:
            self.closed.append(Path(model.checkpoint).stem)
            close()

        sizes.close = noted  # type: ignore[method-assign]
        return sizes

    def news(self) -> list[EngineEvent]:
        """What there is once the thread has come to its end, and any thread that it leads to."""
        self.may_load.set()
        found: list[EngineEvent] = []
        for _ in range(3):
            for thread in threading.enumerate():
                if thread.name == "another checkpoint":
                    thread.join(60)
            found += self.checkpoints.poll()
        return found

    def writes(self, name: str) -> str:
        """The checkpoint that a job for this size is given to. The job is done."""
        worker = self.checkpoints.worker(str(self.folder / f"{name}.pt"))
        assert worker is not None
        assert worker.generate(example_job(4), lambda event: None).result is not None
        return Path(worker.info().name).stem


def named(event: EngineEvent | None) -> str:
    assert isinstance(event, EngineReady)
    return Path(event.checkpoint.name).stem


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = Engine(tmp_path)
    assert named(engine.checkpoints.want(engine.model("one"))) == "one"
    return engine


def test_the_old_one_writes_until_the_new_one_is_loaded_and_is_freed_after_the_first_new_job(engine: Engine) -> None:
    engine.may_load.clear()
    assert engine.checkpoints.want(engine.model("two")) is None
    assert engine.checkpoints.poll() == []
    assert engine.writes("one") == "one"
    (ready,) = engine.news()
    assert named(ready) == "two"
    assert engine.writes("one") == "one", "a job that was sent before the session heard of it"
    assert engine.closed == []
    assert engine.writes("two") == "two"
    assert engine.closed == ["one"]


def test_the_old_one_is_freed_after_some_seconds_without_a_job(engine: Engine) -> None:
    engine.checkpoints.want(engine.model("two"))
    engine.news()
    assert engine.closed == []
    engine.now = LEAVING_SECONDS
    engine.checkpoints.poll()
    assert engine.closed == ["one"]
    assert engine.writes("one") == "two"


def test_a_prepared_one_takes_over_at_once(engine: Engine) -> None:
    engine.checkpoints.prepare(engine.model("two"))
    assert engine.news() == []
    assert engine.writes("one") == "one"
    assert named(engine.checkpoints.want(engine.model("two"))) == "two"
    assert engine.writes("two") == "two"
    assert engine.closed == ["one"]


def test_a_prepared_one_that_is_wanted_while_it_loads_takes_over_when_it_is_loaded(engine: Engine) -> None:
    engine.may_load.clear()
    engine.checkpoints.prepare(engine.model("two"))
    assert engine.checkpoints.want(engine.model("two")) is None
    (ready,) = engine.news()
    assert named(ready) == "two"


def test_only_the_last_wish_counts(engine: Engine) -> None:
    engine.may_load.clear()
    assert engine.checkpoints.want(engine.model("two")) is None
    assert engine.checkpoints.want(engine.model("three")) is None
    (ready,) = engine.news()
    assert named(ready) == "three"
    assert "two" in engine.closed, "what nobody wants any more is freed"


def test_the_old_one_is_wanted_again_while_another_loads(engine: Engine) -> None:
    engine.may_load.clear()
    assert engine.checkpoints.want(engine.model("two")) is None
    assert named(engine.checkpoints.want(engine.model("one"))) == "one"
    assert engine.news() == []
    assert engine.writes("one") == "one"


def test_what_was_prepared_and_is_not_wanted_is_freed(engine: Engine) -> None:
    engine.checkpoints.prepare(engine.model("two"))
    engine.news()
    engine.checkpoints.prepare(engine.model("three"))
    assert engine.closed == ["two"]
    engine.news()
    assert named(engine.checkpoints.want(engine.model("three"))) == "three"


def test_one_that_cannot_be_loaded_leaves_the_old_one_in_place(engine: Engine) -> None:
    (engine.folder / "two.pt").write_bytes(b"no checkpoint")
    assert engine.checkpoints.want(engine.model("two")) is None
    (failed,) = engine.news()
    assert isinstance(failed, LoadFailed)
    assert failed.reason
    assert "\n" not in failed.reason
    assert engine.writes("one") == "one"
    engine.checkpoints.prepare(engine.model("two"))
    assert engine.news() == [], "nobody has asked for it yet"


def test_the_first_one_is_loaded_here_and_its_fault_is_raised(tmp_path: Path) -> None:
    checkpoints = Checkpoints()
    assert checkpoints.is_empty
    with pytest.raises(CheckpointError):
        checkpoints.want(ModelSettings(checkpoint=str(tmp_path / "nothing.pt"), engine="reference"))
    assert checkpoints.worker("") is None
