"""Taking turns within a session: the solo lane sounds when it is its turn, and yields to the player. See `rules` for the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from companion.music import Note
from companion.session.api.commands import Command
from companion.session.api.settings import TradingSettings
from companion.session.api.snapshot import Ladder
from companion.session.api.song_commands import Answer, Trade
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Context, Extension, Handler
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.trading.rules import Trader

BASS_PROGRAMS = range(32, 40)


class TakingTurns(Extension):
    """It is always present, because trading can begin at any time. Without trading, everybody plays."""

    def __init__(self, trading: TradingSettings) -> None:
        self._trading = trading
        self._solo_track = trading.solo_track
        self._trader = Trader(trading.trade_bars, trading.answer)

    def attached(self, context: Context, now: float) -> None:
        """Keep what is needed."""
        self._context = context

    def plays(self, lane: Lane, bar: int) -> bool | None:
        """In trading, the solo lane rests while the player has the turn. Answers are made for every bar; see `lane_notes`."""
        if self._trader.trade_bars and lane is self._solo_lane() and self._trader.turn(bar) == "player":
            return False
        return None

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """In answer mode, decide just before the bar line whether the solo lane sounds in this bar."""
        if not self._trader.answer or self._trader.trade_bars or lane is not self._solo_lane():
            return None
        if self._trader.bar_line(bar, self._context.time.timeline.start(bar)) == "companion":
            return None
        return (), "rest"

    def rests_are_meant(self) -> bool:
        """Where turns are taken, silence hands the turn over."""
        return self._trader.active

    def note_played(self, note: CapturedNote, now: float) -> None:
        """The player comes in, so the solo lane yields."""
        lane = self._solo_lane()
        if self._trader.player_note(note.lane, note.pitch, True, note.onset_beats) and lane is not None:
            self._context.voices.fall_silent(lane, note.onset_beats, now)

    def note_released(self, note: CapturedNote, now: float) -> None:
        """Silence is counted from here."""
        position = self._context.time.position(now) if note.end_beats is None else note.end_beats
        self._trader.player_note(note.lane, note.pitch, False, position)

    def stopped(self, now: float) -> None:
        """No key is held any more, and no answer is under way."""
        self._trader.silence()

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Trading and answering."""
        return {Trade: self._trade, Answer: self._answer}

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """Trading and answering."""
        trade = dial(
            "trade",
            lambda: self._trader.trade_bars,
            lambda bars, now: self._trader.set_trade(bars, self._context.performance.committed_bar + 1),
            lambda bars: f"trading {bars} bars" if bars else "no trading",
        )
        answer = dial(
            "answer",
            lambda: self._trader.answer,
            lambda on, now: self._trader.set_answer(on),
            lambda on: "answers when you rest" if on else "no answers",
        )
        return {Trade: lambda wish: trade, Answer: lambda wish: answer}

    def settings(self) -> Mapping[str, Any]:
        """What is traded."""
        trading = replace(self._trading, trade_bars=self._trader.trade_bars, answer=self._trader.answer)
        return {"trading": trading}

    def picture(self, now: float) -> dict[str, Any]:
        """What is traded, and whose turn it is."""
        return {"trade_bars": self._trader.trade_bars, "answer": self._trader.answer, "turn": self._turn()}

    def view(self, now: float) -> dict[str, Any] | None:
        """Whose turn it is."""
        return {"turn": self._turn()} if self._trader.active else None

    def _turn(self) -> str:
        return self._trader.turn(max(self._context.performance.bar, 0)) if self._trader.active else ""

    def _trade(self, wish: Trade, now: float) -> None:
        self._trader.set_trade(wish.bars, self._context.performance.committed_bar + 1)
        self._context.notice(f"trading {wish.bars} bars, you first" if wish.bars else "no trading")

    def _answer(self, wish: Answer, now: float) -> None:
        self._trader.set_answer(switched(wish.on, self._trader.answer))
        self._context.notice("answers when you rest" if self._trader.answer else "no answers")

    def _solo_lane(self) -> Lane | None:
        """The lane named in the settings; else the first melodic one that is no bass, else the first."""
        lanes = list(self._context.lanes.of("companion"))
        named = [lane for lane in lanes if lane.name == self._solo_track]
        melodic = [lane for lane in lanes if not lane.is_drum and lane.program not in BASS_PROGRAMS]
        return next(iter([*named, *melodic, *lanes]), None)
