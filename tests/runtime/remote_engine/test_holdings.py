"""What a host's engine holds, and what it does when guests ask for something else."""

from __future__ import annotations

from dataclasses import replace

from companion.runtime.remote_engine.holdings import Holdings
from companion.session.api.effects import LoadModel
from companion.session.api.events import EngineLost, EngineReady, LoadFailed
from companion.session.api.settings import ModelSettings
from tests.session.session_stage import CHECKPOINT

GIVEN = ModelSettings(checkpoint="/home/me/mine.pt", engine="cuda")


def ready(name: str, joined: bool = False) -> EngineReady:
    return EngineReady(replace(CHECKPOINT, name=name), joined=joined)


def holding(loaded: bool = True) -> Holdings:
    holdings = Holdings(GIVEN, lambda name: name in ("yellow", "ghost"))
    if loaded:
        assert holdings.heard(ready("/home/me/mine.pt")) == ready("mine")
    return holdings


def test_what_is_loaded_is_told_and_what_is_being_loaded_is_told_later() -> None:
    assert holding(loaded=False).ask("mine") is None
    assert holding().ask("mine") == ready("mine")


def test_a_shipped_checkpoint_is_loaded_on_the_hosts_own_engine() -> None:
    holdings = holding()
    assert holdings.ask("ghost") == LoadModel(ModelSettings(checkpoint="ghost", engine="cuda"))
    assert holdings.ask("ghost") is None
    assert holdings.heard(ready("ghost")) == ready("ghost")
    assert holdings.ask("ghost") == ready("ghost")


def test_the_checkpoint_that_was_given_can_be_had_again() -> None:
    holdings = holding()
    holdings.ask("ghost")
    holdings.heard(ready("ghost"))
    assert holdings.ask("mine") == LoadModel(GIVEN)


def test_nothing_else_is_loaded_and_no_path_is_looked_at() -> None:
    holdings = holding()
    for wanted in ("prism", "/home/me/mine.pt", "../yellow", "", "y" * 1000):
        answer = holdings.ask(wanted)
        assert isinstance(answer, EngineLost)
        assert "there is no checkpoint" in answer.reason
        assert len(answer.reason) < 200
    assert holdings.ask("mine") == ready("mine"), "what is loaded stays"


def test_after_a_checkpoint_that_fails_to_load_the_old_one_can_still_be_had() -> None:
    holdings = holding()
    holdings.ask("ghost")
    told = holdings.heard(LoadFailed("ghost", "it does not fit into memory"))
    assert told == EngineLost("ghost cannot be loaded: it does not fit into memory")
    assert holdings.ask("mine") == ready("mine")
    assert isinstance(holdings.ask("ghost"), LoadModel), "it may be tried again"


def test_a_first_checkpoint_that_fails_to_load_is_told_to_whoever_asks() -> None:
    holdings = holding(loaded=False)
    lost = EngineLost("mine.pt: not a checkpoint")
    assert holdings.heard(lost) == lost
    assert holdings.ask("mine") == lost
    assert isinstance(holdings.ask("yellow"), LoadModel)


def test_a_further_size_of_the_old_checkpoint_is_not_taken_for_the_wanted_one() -> None:
    holdings = holding()
    holdings.ask("ghost")
    assert holdings.heard(ready("mine", joined=True)) is None
    assert holdings.ask("ghost") is None
    holdings.heard(LoadFailed("ghost", "broken"))
    assert holdings.ask("mine") == ready("mine", joined=True)
