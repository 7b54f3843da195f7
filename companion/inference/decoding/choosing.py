"""One take's next token, chosen on the host: grammar, rests, biases, steering and the draw, and what a take remembers.

Knows tokens and logits; no backend and no cache (`decoding`). A backend that chooses by itself (`backends.writing`) follows the
same rules with the same random numbers.
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
from companion.tokenizer import TokenType, Vocabulary
from companion.tokenizer.grammar import GrammarState, Mask

SMALLEST_CHANCE = 1e-9  # what a token counts as at least when a take is weighed
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
    """How tokens are chosen. seed, attempt and step, with a take's number, fix its random numbers. bias [vocab]: added to
    the logits of every step. chords, harmony: see `steering.dials.Steering`.

    openings: for each target, in the order in which they are written, the ids that its fill begins with; () = none.
    from_tick: of the model's grid; where there are openings, a note that the model chooses begins there or later.
    weighed: add up how likely each take is under the model itself.
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
    openings: tuple[tuple[int, ...], ...] = ()
    from_tick: int = 0
    weighed: bool = False


@dataclass
class Take:
    """One candidate: its tokens, and the bars it wrote on the window's grid. `finished` is False where the model's context ended.

    openings: see `DecodeSettings`; they are taken before anything is chosen. log_likelihood: nats, summed over `choices`
    tokens, where the settings ask for it.
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

    def push(self, token: int) -> None:
        """Take one token; raises TokenizerError where it is not legal."""
        self.state.advance(token)
        self.ids.append(token)
        self.writer.push(token)
        if self.steering is not None:
            self.steering.push(token)
        if self.state.done:
            self.finished = self.stopped = True

    def accept(self, token: int | None) -> None:
        """Take a token and all that it forces, and note them as not yet fed. None: nothing is taken."""
        while token is not None:
            self.push(token)
            self.pending.append(token)
            if self.state.last is TokenType.FILL_IN_START:
                self.open_fill()
            token = self.state.forced()

    def open_fill(self) -> None:
        """Take the ids that the fill begins with, at its start; their notes are not reported as written."""
        if not 0 <= self.state.bar_index < len(self.openings):
            return
        self.writer.listening = False
        for token in self.openings[self.state.bar_index]:
            self.push(token)
            self.pending.append(token)
        self.writer.listening = True


def note_content(vocabulary: Vocabulary) -> Mask:
    """[vocab] True for what a note is made of: all that mask_k and mask_p may remove."""
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
        """The take's next token, and those it forces, from logits [vocab]."""
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
        """The legal ids but for those that would begin a note before this tick of the bar."""
        first, size = self._positions
        later = legal & ~self._content
        later[first + tick : first + size] = legal[first + tick : first + size]
        return later

    def _rests(self, row: Take, logits: Logits, legal: Mask, options: SamplingOptions) -> tuple[int | None, Mask]:
        """Whether the bar is a rest: its end, or None and what may begin it.

        Decided with the model's own probability, which only steering may push: temperature and top_p are for how to play,
        and would cut off nearly every rest, the rarest thing a bar can begin with. Greedy decoding keeps the likeliest
        token.
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
