"""Taking turns within a session: the solo lane sounds when it is its turn, and yields to the player. See `trading` for the rules."""

from __future__ import annotations

from typing import Any

from companion.music import Note
from companion.session.api.commands import Answer, Command, Trade
from companion.session.api.settings import TradingSettings
from companion.session.api.snapshot import Ladder
from companion.session.extension import Extension
from companion.session.input.capture import PlayedNote
from companion.session.lanes import Lane
from companion.session.output.plan import RESOLUTION, Draft
from companion.session.state import SessionCore
from companion.session.trading.rules import Trader

BASS_PROGRAMS = range(32, 40)


class TakingTurns(Extension):
    """Always present, since trading can be begun at any time; without it everybody plays."""

    def __init__(self, trading: TradingSettings) -> None:
        self.trading = trading
        self.trader = Trader(trading.trade_bars, trading.answer)

    def plays(self, session: SessionCore, lane: Lane, bar: int) -> bool | None:
        """In trading, the solo lane rests while the player has the turn. Answers are made for every bar; see `lane_notes`."""
        if self.trader.trade_bars and lane is self._solo_lane(session) and self.trader.turn(bar) == "player":
            return False
        return None

    def lane_notes(self, session: SessionCore, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """In answer mode, decide just before the bar line whether the solo lane sounds in this bar."""
        if not self.trader.answer or self.trader.trade_bars or lane is not self._solo_lane(session):
            return None
        if self.trader.bar_line(bar, session.timeline.start(bar)) == "companion":
            return None
        return (), "rest"

    def note_played(self, session: SessionCore, note: PlayedNote, now: float) -> None:
        """The player comes in: yield."""
        lane = self._solo_lane(session)
        if self.trader.player_note(note.lane, note.pitch, True, note.onset_beats) and lane is not None:
            self._fall_silent(session, lane, note.onset_beats, now)

    def note_released(self, session: SessionCore, note: PlayedNote, now: float) -> None:
        """Silence is counted from here."""
        position = session.position(now) if note.end_beats is None else note.end_beats
        self.trader.player_note(note.lane, note.pitch, False, position)

    def stopped(self, session: SessionCore, now: float) -> None:
        """Nobody holds a key, nobody answers."""
        self.trader.silence()

    def command(self, session: SessionCore, command: Command, now: float) -> bool:
        """trade(bars) and answer(on)."""
        if isinstance(command, Trade):
            self._trade(session, command.bars)
        elif isinstance(command, Answer):
            self.trader.set_answer(not self.trader.answer if command.on is None else command.on)
            session.notice("answers when you rest" if self.trader.answer else "no answers")
        else:
            return False
        return True

    def picture(self, session: SessionCore, now: float) -> dict[str, Any]:
        """What is traded, and whose turn it is."""
        turn = self.trader.turn(max(session.bar, 0)) if self.trader.active else ""
        return {"trade_bars": self.trader.trade_bars, "answer": self.trader.answer, "turn": turn}

    def view(self, session: SessionCore, now: float) -> dict[str, Any] | None:
        """Whose turn it is."""
        return {"turn": self.trader.turn(max(session.bar, 0))} if self.trader.active else None

    def _trade(self, session: SessionCore, bars: int) -> None:
        self.trader.set_trade(bars, session.committed_bar + 1)
        session.notice(f"trading {bars} bars, you first" if bars else "no trading")

    def _solo_lane(self, session: SessionCore) -> Lane | None:
        """The lane named in the settings; else the first melodic one that is no bass, else the first."""
        lanes = list(session.lanes_of("companion"))
        named = [lane for lane in lanes if lane.name == self.trading.solo_track]
        melodic = [lane for lane in lanes if not lane.is_drum and lane.program not in BASS_PROGRAMS]
        return next(iter([*named, *melodic, *lanes]), None)

    def _fall_silent(self, session: SessionCore, lane: Lane, position: float, now: float) -> None:
        """At once; what did not sound did not happen, so that neither history nor the rest of an answer brings it back."""
        session.scheduler.cancel(lane.index)
        session.scheduler.silence(now, [lane.index])
        for bar in range(session.bar, session.committed_bar + 1):
            cell = session.plan.get(lane.index, bar)
            if cell is None or cell.chosen is None:
                continue
            reached = (position - session.timeline.start(bar)) * RESOLUTION
            heard = [note for note in cell.chosen.notes if note.onset_ticks < reached]
            cell.chosen = Draft(0, heard, True, origin=cell.chosen.origin)
