"""Chooses the next token of a take on the host: grammar, rests, biases, steering and the draw. Also holds the take's state.

This module knows tokens and logits, but no backend and no cache. A backend that chooses by itself (`backends.writing`) follows
the same rules with the same random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log

import numpy as np
import numpy.typing as npt

from companion.harmony.spans import ChordSpan
from companion.inference.backends.base import Logits
from companion.inference.decoding.sampling import SamplingOptions, chance_of, sample
from companion.inference.decoding.writer import BarWriter
from companion.inference.steering.dials import Steering
from companion.inference.steering.register import Avoided
from companion.tokenizer import TokenType, Vocabulary
from companion.tokenizer.grammar import GrammarState, Mask

SMALLEST_CHANCE = 1e-9  # the least probability that a token counts with when a take is weighed
_CONTENT_TYPES = (
    TokenType.TIME_ABSOLUTE_POS,
    TokenType.NOTE_ONSET,
    TokenType.NOTE_DURATION,
    TokenType.VELOCITY_LEVEL,
    TokenType.DELTA,
    TokenType.DELTA_DIRECTION,
)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How tokens are chosen. seed, attempt, step and the take's number together determine its random numbers.

    bias [vocab]: added to the logits of every step. chords, harmony, paces, avoided: see
    `steering.dials.Steering`.
    openings: for each target, in writing order, the ids that its fill begins with; () = none.
    from_tick: a tick of the model's grid. If there are openings, notes that the model chooses begin there or later.
    weighed: add up each take's log-likelihood under the model itself.
    """

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    seed: int = 0
    attempt: int = 0
    step: int = 0
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    bias: npt.NDArray[np.float32] | None = None
    chords: tuple[ChordSpan, ...] | None = None
    harmony: float = 0.0
    paces: tuple[int | None, ...] = ()
    avoided: tuple[Avoided | None, ...] = ()
    openings: tuple[tuple[int, ...], ...] = ()
    from_tick: int = 0
    weighed: bool = False


@dataclass
class Take:
    """One candidate: its tokens, and its bars on the window's grid. `finished` is False if the model's context ended too early.

    openings: see `DecodeSettings`; they are taken before anything is chosen. log_likelihood: in nats, summed over `choices`
    tokens, if the settings ask for it.
    """

    number: int
    state: GrammarState
    random: np.random.Generator
    writer: BarWriter
    steering: Steering | None = None
    openings: tuple[tuple[int, ...], ...] = ()
    ids: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    finished: bool = False
    stopped: bool = False
    log_likelihood: float = 0.0
    choices: int = 0
    _followed: int = 0

    def push(self, token: int) -> None:
        """Take one token. Raises TokenizerError if it is not legal."""
        self.state.advance(token)
        self.ids.append(token)
        self.writer.push(token)
        if self.steering is not None:
            self.steering.push(token)
        if self.state.done:
            self.finished = self.stopped = True

    def follow(self, token: int) -> None:
        """Take a token that a backend wrote by itself. Raises TokenizerError if it is not legal.

        The notes of a bar's opening are not reported as written.
        """
        bar = self.state.bar_index
        opening = self.openings[bar] if bar < len(self.openings) else ()
        self.writer.listening = self._followed >= len(opening)
        self.steering = None  # the backend has steered already
        self.push(token)
        self.writer.listening = True
        self._followed = 0 if self.state.last is TokenType.FILL_IN_START else self._followed + 1

    def accept(self, token: int | None) -> None:
        """Take a token and all tokens that it forces, and mark them as not yet fed. None: take nothing."""
        while token is not None:
            self.push(token)
            self.pending.append(token)
            if self.state.last is TokenType.FILL_IN_START:
                self.open_fill()
            token = self.state.forced()

    def open_fill(self) -> None:
        """Take the opening ids at the start of a fill. Their notes are not reported as written."""
        if not 0 <= self.state.bar_index < len(self.openings):
            return
        self.writer.listening = False
        for token in self.openings[self.state.bar_index]:
            self.push(token)
            self.pending.append(token)
        self.writer.listening = True


def note_content(vocabulary: Vocabulary) -> Mask:
    """[vocab] True for the tokens that make up a note. Only these may be removed by mask_k and mask_p."""
    content = np.zeros(vocabulary.size, dtype=bool)
    for token_type in _CONTENT_TYPES:
        first, size = vocabulary.domains.get(token_type, (0, 0))
        content[first : first + size] = True
    return content


class Chooser:
    """Chooses tokens of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._content = note_content(vocabulary)
        ends = (TokenType.FILL_IN_END, TokenType.BAR_END)
        self._ends = np.array([vocabulary.id(end) for end in ends if end in vocabulary])
        self._positions = vocabulary.domains[TokenType.TIME_ABSOLUTE_POS]

    def choose(self, row: Take, logits: Logits, settings: DecodeSettings) -> None:
        """Choose the take's next token from logits [vocab]; the tokens that it forces follow."""
        legal, taken = row.state.legal(), len(row.ids)
        self._choose(row, logits, legal, settings)
        if settings.weighed and len(row.ids) > taken:
            row.log_likelihood += log(max(chance_of(row.ids[taken], logits, legal), SMALLEST_CHANCE))
            row.choices += 1

    def _choose(self, row: Take, logits: Logits, legal: Mask, settings: DecodeSettings) -> None:
        if settings.from_tick > max(row.state.last_position, 0):
            legal = self._from_tick_on(legal, settings.from_tick)
        if not legal.any():
            row.stopped = True
            return
        if row.state.may_rest:
            rests, legal = self._rests(row, logits, legal, settings.sampling)
            if rests is not None:
                row.accept(rests)
                return
        if settings.bias is not None:
            logits = logits + settings.bias
        if row.steering is not None:
            push = row.steering.bias()
            logits = row.steering.lean(logits if push is None else logits + push)
        row.accept(sample(logits, legal, settings.sampling, self._content, row.random))

    def _from_tick_on(self, legal: Mask, tick: int) -> Mask:
        """The legal ids without those that would begin a note before this tick of the bar."""
        first, size = self._positions
        later = legal & ~self._content
        later[first + tick : first + size] = legal[first + tick : first + size]
        return later

    def _rests(self, row: Take, logits: Logits, legal: Mask, options: SamplingOptions) -> tuple[int | None, Mask]:
        """Decide whether the bar is a rest. Returns the id of its end, or None and the ids that may begin it.

        The decision uses the model's own probability, which only steering may change. Temperature and top_p shape how notes
        are played. They would remove nearly every rest, because a rest is the rarest beginning of a bar. Greedy decoding keeps
        the likeliest token.
        """
        end = int(self._ends[legal[self._ends]][0])
        playing = legal.copy()
        playing[end] = False
        if row.steering is not None and row.steering.must_sound:
            return None, playing
        if options.top_k == 1:
            return None, legal
        chance = chance_of(end, logits, legal)
        if row.steering is not None and row.steering.rest_push:
            odds = exp(row.steering.rest_push)
            chance = chance * odds / (1.0 - chance + chance * odds)
        rests = row.random.random() < chance
        return (end if rests else None), playing
