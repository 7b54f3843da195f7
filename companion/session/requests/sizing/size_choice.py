"""Chooses the size that writes once per bar, tells the player about changes, and judges a size by whether its bars were in time."""

from __future__ import annotations

from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.requests.engine import Engine
from companion.session.requests.sizing.sizes import DimsOf, Sizes
from companion.session.timing.musical_time import MusicalTime

FAIR_SHARE = 0.8  # of its lead that a request must have had, or a late bar says nothing about the size


class SizeChoice:
    """Lets the engine's checkpoint be the size that writes the coming bar."""

    def __init__(self, sizes: Sizes, engine: Engine, decisions: Decisions, time: MusicalTime, outbox: Outbox) -> None:
        self._sizes, self._engine, self._decisions = sizes, engine, decisions
        self._time, self._outbox = time, outbox
        self._asked: dict[int, str] = {}  # bars asked for with a fair lead, and the size that was asked
        self._counted = (0, 0, 0)  # companion bars decided, those that were fresh, those with late notes
        self._said_chords = False
        self._stood_in_for = ""  # a size on another machine whose last bar a stand-in has written
        self._lost = ""  # a size on another machine that is out of reach

    def choose(self, bar: int, parts: int, dims_of: DimsOf) -> bool:
        """Choose for a bar; whether another size writes than before."""
        before = self._sizes.current
        choice = self._sizes.choose(bar, self._time.bar_seconds(bar), parts, dims_of)
        now = self._sizes.current
        if choice is None or now is None:
            return False
        stood_in_for, self._stood_in_for = self._stood_in_for, ""
        if before is not None and now.name == before.name:
            if stood_in_for and stood_in_for != now.name:
                self._outbox.notice(f"{now.name} goes on writing: {choice.why}", "info")
            return False
        self._engine.ready(now)
        if now.name == stood_in_for:
            return True
        is_back, self._lost = now.name == self._lost, ""
        why = f"{now.place} is back" if is_back else choice.why
        self._outbox.notice(f"{now.name} writes from here on: {why}", "info")
        if before is not None and before.chord_guide and not now.chord_guide:
            self._say_chords(now.name)
        return True

    def stand_in_writes(self, bar: int) -> None:
        """The size on another machine was too late for a bar: one on this machine writes it instead."""
        late, lanes = self._sizes.current, len(self._decisions.lanes_in(bar))
        self._sizes.stand_in_writes(bar, self._time.bar_seconds(bar), lanes, counts=bar in self._asked)
        self._asked.pop(bar, None)
        now = self._sizes.current
        if now is not None and late is not None and now.name != late.name:
            self._engine.ready(now)
            self._stood_in_for = late.name
            self._outbox.notice(f"{late.name} was too late for a bar: {now.name} writes it", "info")

    def lost(self, name: str, reason: str) -> bool:
        """A size on another machine is out of reach: another one writes at once. False if there is none."""
        before = self._sizes.current
        self._sizes.out_of_reach(name, reason)
        self._asked = {bar: size for bar, size in self._asked.items() if size != name}
        now = self._sizes.current
        if now is None:
            return False
        self._lost, self._stood_in_for = name, ""
        changed = before is None or before.name != now.name
        if changed:
            self._engine.ready(now)
        begins = "writes from here on" if changed else "goes on writing"
        self._outbox.notice(f"{now.name} {begins}: {name} {reason}", "warning")
        return True

    def _say_chords(self, name: str) -> None:
        song = self._time.songbook.song
        if song is not None and song.chords and not self._said_chords:
            self._said_chords = True
            text = f"{name} does not read chord guides: the comping track and the harmony dial lead it instead"
            self._outbox.notice(text, "info")

    def asked(self, bar: int, seconds_left: float, lead_seconds: float) -> None:
        """A bar was requested this long before its line. After a start or a jump, no size has a fair lead."""
        current = self._sizes.current
        if current is not None and seconds_left >= FAIR_SHARE * lead_seconds:
            self._asked[bar] = current.name
            if current.place:
                self._outbox.count("bars_asked_elsewhere")

    def bar_began(self, bar: int) -> None:
        """A bar line: `bar` was decided just before it, and the notes of the bar before are out."""
        decisions = self._decisions
        counted = (
            sum(decisions.bars_by_step.values()),
            decisions.bars_by_step.get("fresh", 0),
            decisions.bars_with_late_notes,
        )
        decided, fresh, late = (now - before for now, before in zip(counted, self._counted, strict=True))
        self._counted = counted
        name = self._asked.get(bar)
        if name is not None and decided and fresh < decided:
            self._sizes.wrote(name, in_time=False)
            del self._asked[bar]  # however late its notes are, it is one late bar
        name = self._asked.get(bar - 1)
        if name is not None:
            self._sizes.wrote(name, in_time=late == 0)
        self._asked = {at: size for at, size in self._asked.items() if at >= bar}

    def forget(self) -> None:
        """The music jumped or stopped: what was asked for says nothing."""
        self._asked.clear()
