"""The session is made of parts: each can be had alone, each writes only its own state, none is built on a chain of others."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import companion.session
from companion.errors import UsageError
from companion.midi.messages import ControlChange, NoteOff, NoteOn
from companion.music import Note, TimeSignature
from companion.session.api.commands import COMMANDS, Refused
from companion.session.api.effects import Learned, Notice, SendMidi
from companion.session.api.lane_commands import Mute, Panic
from companion.session.api.settings import TrackSettings
from companion.session.commands.handlers import Commands
from companion.session.commands.history import History
from companion.session.extension import Extension
from companion.session.extensions import Extensions
from companion.session.input.controls import LearnedControls
from companion.session.input.thru import Thru
from companion.session.lanes import Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.scheduler import Scheduler
from companion.session.performance import Performance
from companion.session.practice.songbook import SongBook
from companion.session.timing.musical_time import MusicalTime
from companion.session.timing.timeline import Timeline
from companion.session.transport.states import Happening, TransportState

ROOT = Path(companion.session.__file__).parent
# These modules own the records that they write: lanes, captured notes, bars of the plan, waiting notes, the request under way.
OWNERS = {"lanes.py", "capture.py", "plan.py", "scheduler.py", "request.py"}


def outbox() -> Outbox:
    return Outbox(lambda port, message, now: None)


def band(*tracks: TrackSettings) -> Lanes:
    return Lanes(tracks or (TrackSettings("me", "human"), TrackSettings("bass", "companion", program=33, channel=1)))


# -- structure ----------------------------------------------------------------------------------------------------------


def written_elsewhere(path: Path) -> list[str]:
    """Attributes of anything but `self` that a module assigns."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        else:
            continue
        for target in targets:
            for item in target.elts if isinstance(target, ast.Tuple) else [target]:
                owner = item.value if isinstance(item, ast.Attribute) else None
                if owner is not None and not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")):
                    found.append(f"{path.name}:{item.lineno} {ast.unparse(item)}")
    return found


def test_no_part_writes_what_belongs_to_another() -> None:
    modules = [path for path in sorted(ROOT.rglob("*.py")) if path.name not in OWNERS]
    assert [place for path in modules for place in written_elsewhere(path)] == []


def test_no_class_inherits_behaviour_through_more_than_two_levels() -> None:
    for found in pkgutil.walk_packages([str(ROOT)], "companion.session."):
        for kind in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(kind) and kind.__module__.startswith("companion.session"):
                ours = [base for base in kind.__mro__ if base.__module__.startswith("companion")]
                assert len(ours) <= 2, kind


# -- parts alone --------------------------------------------------------------------------------------------------------


def test_decisions_take_the_plan_or_the_kept_bar_and_rest_before_the_entry() -> None:
    songbook = SongBook(None, TimeSignature())
    timeline = Timeline(lambda song_bar: TimeSignature(), lambda song_bar: song_bar + 1)
    performance = Performance(timeline, TransportState(), 0, song_is_written=False)
    lanes, plan = band(), Plan()
    time = MusicalTime("internal", 120, songbook, timeline, 1.0)
    decisions = Decisions(performance, time, lanes, plan, Extensions(()))
    for bar, pitch in ((0, 36), (1, 38), (3, 41)):
        plan.put(1, bar, [Note(0, 480, pitch)], "fresh")
    assert decisions.decide(lanes[1], 0).notes() == (), "nothing is played before the entry"
    assert [note.pitch for note in decisions.decide(lanes[1], 1).notes()] == [38]
    decisions.keep(1)
    assert [note.pitch for note in decisions.decide(lanes[1], 2).notes()] == [38]
    decisions.keep_nothing()
    assert [note.pitch for note in decisions.decide(lanes[1], 3).notes()] == [41]
    assert decisions.bars_by_step == {"fresh": 2, "kept": 1}, "bars before the entry are not counted"


def test_a_question_goes_to_those_who_answer_it_also_after_others_have_come() -> None:
    class Slow(Extension):
        def next_song_bar(self, song_bar: int) -> int | None:
            return 7

    class Quick(Extension):
        def next_song_bar(self, song_bar: int) -> int | None:
            return 3 if song_bar == 0 else None

        def settings(self) -> dict[str, Any]:
            return {"intro_bars": 2}

    extensions = Extensions((Extension(), Slow()))
    assert (extensions.next_song_bar(0), extensions.settings()) == (7, {})
    extensions.put_first(Quick())
    assert [extensions.next_song_bar(bar) for bar in (0, 1)] == [3, 7]
    assert extensions.settings() == {"intro_bars": 2}
    assert Extensions((Extension(),)).next_song_bar(4) == 5


def test_the_companion_waits_from_the_next_bar_on() -> None:
    transport = TransportState()
    timeline = Timeline(lambda song_bar: TimeSignature(), lambda song_bar: song_bar + 1)
    performance = Performance(timeline, transport, 0, song_is_written=False)
    assert performance.entry_bar == 1, "without a song it listens first"
    performance.wait(4)
    assert performance.entry_bar == 1, "at rest it holds for the next start"
    transport.happened(Happening.PLAY)
    performance.begin(7)
    performance.wait(4)
    assert performance.entry_bar == 12


def test_thru_ends_what_it_began() -> None:
    out = outbox()
    scheduler = Scheduler(out.emit, {})
    thru = Thru(True, scheduler, out)
    thru.pass_on("keys", "synth", NoteOn(0, 60, 90), 1.0)
    thru.pass_on("pads", "synth", NoteOn(0, 62, 90), 1.0)
    thru.port_lost("pads", 1.5)
    thru.switch(False, 2.0)
    thru.pass_on("keys", "synth", NoteOn(0, 64, 90), 2.5)
    sent = [(effect.message, effect.due_seconds) for effect in out.drain() if isinstance(effect, SendMidi)]
    assert sent[2:] == [(NoteOff(0, 62), 1.5), (NoteOff(0, 60), 2.0)]


def test_a_control_acts_once_on_the_way_down() -> None:
    out = outbox()
    controls = LearnedControls({"cc:64@0": "mute:1"}, out)
    pressed = [controls.take(ControlChange(0, 64, value)) for value in (127, 127, 0, 90)]
    assert pressed == [(True, "mute:1"), (True, ""), (True, ""), (True, "mute:1")]
    assert controls.take(NoteOn(0, 60, 90)) == (False, "")
    controls.learn("keep")
    assert controls.take(NoteOn(9, 36, 90)) == (True, "")
    assert out.drain() == [Learned("note:36@9", "keep", {"cc:64@0": "mute:1", "note:36@9": "keep"})]


def test_a_track_that_is_not_there_is_named() -> None:
    lanes = band()
    lanes.remove(lanes[1])
    with pytest.raises(UsageError, match="track 1 is gone"):
        lanes.find(1)
    with pytest.raises(UsageError, match="track must be from 0 to 1"):
        lanes.find(2)


def test_commands_go_to_the_last_who_answers_them_and_refusals_become_notices() -> None:
    out, done = outbox(), []

    def refuse(wish: object, now: float) -> None:
        raise UsageError("not today")

    commands = Commands(
        [{Mute: refuse, Panic: refuse}, {Panic: lambda wish, now: done.append(now)}], History((), out.notice), out
    )
    commands.receive(Panic(), 3.0)
    commands.receive(Mute(1), 4.0)
    commands.receive(Refused("unknown command: fly"), 5.0)
    assert done == [3.0]
    assert out.drain() == [Notice("warning", "mute: not today"), Notice("warning", "unknown command: fly")]


def test_a_session_with_a_song_answers_every_command() -> None:
    from companion.session.session import Session
    from tests.session.test_practising import settings

    session = Session(settings(), 0.0, 1)
    assert session.commands.known == set(COMMANDS.values())
