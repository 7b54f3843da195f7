"""The typing keyboard, the mixer and the question about thru, on the real screen with a scripted performance."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from companion.config import thru_wishes
from companion.midi.codec import Decoder
from companion.midi.messages import NoteOff, NoteOn
from companion.session.api.commands import command
from companion.session.api.control_commands import LearnDial
from companion.session.api.lane_commands import SetPan, SetVolume
from companion.session.api.settings import Knob
from companion.session.api.snapshot import KnobView
from companion.tui.app import CompanionApp
from companion.tui.sound.keyboard_screen import KeyboardScreen
from companion.tui.sound.mixer import draw_mixer, pan_words, reset, turn
from companion.tui.sound.thru import ThruQuestion
from tests.tui.scripted import ScriptedPerformance, snapshot_at
from tests.tui.test_app import until


def picture_at(seconds: float) -> Any:
    return snapshot_at(9.1, now_seconds=seconds)


def _played(performance: ScriptedPerformance) -> list[Any]:
    return [message for _, data in performance.keys_played for message in Decoder().feed(data)]


async def test_keys_are_notes_while_the_keyboard_is_up_and_wishes_afterwards() -> None:
    performance = ScriptedPerformance(picture_at)
    app = CompanionApp(lambda: performance)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, KeyboardScreen))
        begun = time.monotonic()
        await pilot.press("a", "g", "z")
        ended = time.monotonic()
        strokes = [message for message in _played(performance) if isinstance(message, NoteOn)]
        assert [(note.channel, note.key) for note in strokes] == [(0, 60), (0, 67), (9, 36)]
        assert all(begun <= at <= ended for at, data in performance.keys_played if data[0] & 0xF0 == 0x90)
        assert performance.sent == []
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: performance.sent == [command("panic")])
        await pilot.press("right", "a", "escape")
        await until(pilot, lambda: not isinstance(app.screen, KeyboardScreen))
        messages = _played(performance)
        on = [message.key for message in messages if isinstance(message, NoteOn)]
        off = [message.key for message in messages if isinstance(message, NoteOff)]
        assert on[-1] == 72
        assert sorted(on) == sorted(off)
        await pilot.press("c")
        await until(
            pilot, lambda: len(performance.sent) == 2 and type(performance.sent[1]) is type(command("click", on=True))
        )


async def test_the_mixer_sends_volume_and_pan_of_the_chosen_part() -> None:
    performance = ScriptedPerformance(picture_at)
    app = CompanionApp(lambda: performance)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("V", "down", "right", "right", "less_than_sign", "n", "N", "escape")
        turns = [SetVolume(1, 105), SetVolume(1, 110), SetPan(1, 56)]
        assert performance.sent == [*turns, LearnDial("volume", 1), LearnDial("pan", 1)]


def test_the_mixer_shows_the_knobs_of_a_part() -> None:
    knobs = (KnobView(Knob("cc:7@0", "volume", 1, 0, 127)), KnobView(Knob("bend@0", "pan", 1, 0, 127), 0.1, True))
    rows = draw_mixer(replace(picture_at(0.0), knobs=knobs), 0, 80, 11).text().splitlines()
    assert "CC 7  wheel ↑" in rows[3]
    assert "CC" not in rows[2]


def test_the_mixer_stays_within_its_ends() -> None:
    lane = replace(picture_at(0.0).lanes[1], volume=125, pan=3)
    assert turn(lane, "volume", 1) == SetVolume(1, 127)
    assert turn(lane, "pan", -1) == SetPan(1, 0)
    assert reset(lane) == [SetVolume(1, 100), SetPan(1, 64)]
    assert [pan_words(pan) for pan in (0, 64, 127)] == ["left 100", "middle", "right 100"]


def test_a_keyboard_is_asked_about_once_and_only_where_it_can_be_heard() -> None:
    picture = replace(picture_at(0.0), ports={"in:KeyStep 37": True, "in:companion in:in": True}, thru=False)
    stopped = replace(picture, transport=replace(picture.transport, state="stopped"))
    answers = {"KeyStep 37": None}
    asking = ThruQuestion(lambda keyboard: answers.get(keyboard))
    assert asking.look(stopped, sounds=False) is None
    assert asking.look(replace(stopped, thru=True), sounds=True) is None
    assert asking.look(replace(stopped, transport=replace(picture.transport, state="running")), sounds=True) is None
    assert asking.look(stopped, sounds=True) == ("KeyStep 37", None)
    assert asking.look(stopped, sounds=True) is None


def test_the_answer_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thru_wishes, "_path", lambda: tmp_path / "state" / "thru.json")
    assert thru_wishes.thru_wish("KeyStep 37") is None
    thru_wishes.remember_thru("KeyStep 37", True)
    thru_wishes.remember_thru("Clavinova", False)
    assert (thru_wishes.thru_wish("KeyStep 37"), thru_wishes.thru_wish("Clavinova")) == (True, False)
    (tmp_path / "state" / "thru.json").write_text("[broken", encoding="utf-8")
    assert thru_wishes.thru_wish("KeyStep 37") is None
