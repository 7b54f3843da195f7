"""The infill grammar, rests, and the draw of a token as tensor operations, so that a GPU need not ask the host.

The tables are read from the host's grammar, state by state. A draw uses the host's uniform numbers in the same way as the host,
so both sides choose the same tokens from the same logits (see `companion.inference.decoding.choosing`). Everything that
differs between infills is in tensors, so one recorded step serves them all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from companion.inference.backends.writing import Infill
from companion.inference.decoding.choosing import note_content
from companion.tokenizer.grammar import Grammar, WrittenBar
from companion.tokenizer.token_types import TokenType

_STATES = 8  # content of the open bar as bits: 1 any note, 2 the most notes of a bar, 4 the most at this position
_NO_LIMIT = 1 << 30
_MOST_KEPT_TABLES = 64

# A take's state is one row of numbers, and a token changes it by `state * keep + add`. The numbers are: the last token and the
# current target (both as rows of the table), the notes of the bar, the notes at the position, the position, and the targets left.
_LAST, _TARGET, _NOTES, _TOGETHER, _PLACE, _LEFT = range(6)


class DeviceSampler:
    """Grammar states of `takes` takes on a device, and the tokens chosen so far: `tokens` [takes, limit], −1 for none."""

    def __init__(self, grammar: Grammar, takes: int, limit: int, targets: int, device: torch.device) -> None:
        """limit: most tokens per take. targets: most targets per infill."""
        self.grammar, self.takes, self.most_targets, self._device = grammar, takes, targets, device
        vocabulary = grammar.vocabulary
        size = vocabulary.size
        self._types = {token_type: number for number, token_type in enumerate(vocabulary.domains)}
        self._rows_a_target = len(self._types) * _STATES
        self._end = vocabulary.first_id(TokenType.FILL_IN_END)
        self._kept_tables: dict[tuple[WrittenBar, bool, bool], npt.NDArray[np.bool_]] = {}
        keep, add, order = self._effects()
        self._keep, self._add, self._order = (torch.from_numpy(table).to(device) for table in (keep, add, order))
        self._content = torch.from_numpy(note_content(vocabulary)).to(device)
        self._ranks = torch.arange(size, device=device)
        # Constants for `where`. As Python numbers, each would need a kernel that fills a tensor.
        self._never = torch.tensor(-torch.inf, dtype=torch.float64, device=device)
        self._none = torch.tensor(0.0, dtype=torch.float64, device=device)
        self._blank = torch.tensor(-1, device=device)
        self._ending = torch.tensor(self._end, device=device)
        self._counted = torch.tensor([_NOTES, _NOTES, _TOGETHER], device=device)
        self._bits = torch.tensor([1, 2, 4], device=device)
        self._legal = torch.zeros((targets * self._rows_a_target, size), dtype=torch.bool, device=device)
        self._may_rest = torch.zeros(targets * self._rows_a_target, dtype=torch.bool, device=device)
        self._bias = torch.zeros(size, dtype=torch.float32, device=device)
        self._filters = torch.zeros(5, dtype=torch.float64, device=device)
        self._limits = torch.zeros(3, dtype=torch.int64, device=device)
        self._uniforms = torch.zeros((takes, 2 * limit), dtype=torch.float64, device=device)
        self._state = torch.zeros((takes, 6), dtype=torch.int64, device=device)
        self._draws = torch.zeros(takes, dtype=torch.int64, device=device)
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self.tokens = torch.zeros((takes, limit), dtype=torch.int64, device=device)
        self.done = torch.zeros(takes, dtype=torch.bool, device=device)

    @property
    def state(self) -> tuple[torch.Tensor, ...]:
        """Every tensor that `choose` changes."""
        return self.tokens, self.done, self._state, self._draws, self._step

    def start(self, infill: Infill) -> None:
        """Begin an infill of at most `most_targets` targets, with 2 × limit uniform numbers for each take."""
        rests = infill.allow_rests
        tables = [
            self._table(bar, number + 1 == len(infill.targets), rests) for number, bar in enumerate(infill.targets)
        ]
        rows = len(tables) * self._rows_a_target
        self._legal[:rows] = torch.from_numpy(np.concatenate(tables)).to(self._device)
        starts = np.zeros((len(self._types), _STATES), dtype=bool)
        starts[self._types[TokenType.FILL_IN_START], 0] = rests and infill.options.top_k != 1
        self._may_rest[:rows] = torch.from_numpy(np.tile(starts.ravel(), len(tables))).to(self._device)
        bias = np.zeros(len(self._bias), dtype=np.float32) if infill.bias is None else infill.bias
        self._bias.copy_(torch.from_numpy(bias))
        self._filters.copy_(torch.tensor(_numbers(infill, len(bias)), dtype=torch.float64))
        limits = (1, infill.density_hard_limit or _NO_LIMIT, infill.polyphony_hard_limit or _NO_LIMIT)
        self._limits.copy_(torch.tensor(limits))
        self._uniforms.copy_(torch.from_numpy(infill.uniforms[:, : self._uniforms.shape[1]]))
        for tensor in self.state:
            tensor.zero_()
        self.tokens.fill_(-1)
        last = self._types[TokenType.FILL_IN_START] * _STATES
        self._state.copy_(torch.tensor([last, 0, 0, 0, -1, len(infill.targets)]).expand(self.takes, -1))

    def choose(self, logits: torch.Tensor, masking: bool) -> torch.Tensor:
        """Return the next token of every take from logits [takes, vocab]; 0 for takes that are done. The state changes in place.

        masking: whether mask_k or mask_p is in use; if not, their computation is left out.
        """
        state = self._state
        holds = ((state.index_select(1, self._counted) >= self._limits) * self._bits).sum(1)
        row = holds + state[:, _LAST] + state[:, _TARGET]
        legal = self._legal.index_select(0, row) & (self._order > state[:, _PLACE, None])
        uniforms = self._uniforms.gather(1, torch.stack((self._draws, self._draws + 1), 1))

        asks = self._may_rest.index_select(0, row)
        raw = torch.where(legal, logits.double(), self._never)
        rests = asks & (uniforms[:, 0] < torch.softmax(raw, 1)[:, self._end])
        scores = torch.where(legal, (logits + self._bias).double(), self._never)
        scores[:, self._end].masked_fill_(asks, -torch.inf)
        drawn = self._draw(scores, torch.where(asks, uniforms[:, 1], uniforms[:, 0]), masking)
        token = torch.where(rests, self._ending, drawn).masked_fill_(self.done, 0)

        several = (scores > self._never).sum(1) > 1
        self._draws.add_(asks.long() + (several & ~rests))
        self.tokens.index_copy_(1, self._step, torch.where(self.done, self._blank, token)[:, None])
        self._step.add_(1)
        state.copy_(torch.addcmul(self._add.index_select(0, token), state, self._keep.index_select(0, token)))
        torch.le(state[:, _LEFT], 0, out=self.done)
        return token

    def _draw(self, scores: torch.Tensor, uniforms: torch.Tensor, masking: bool) -> torch.Tensor:
        """Draw one id per row: apply the filters, then take the id at which the running sum passes the row's uniform number."""
        temperature, top_k, top_p, _, _ = self._filters.unbind()
        chances = torch.softmax(scores / temperature, 1)
        ranked, order = chances.sort(dim=1, descending=True, stable=True)
        mass = ranked.cumsum(1)
        kept = (self._ranks < top_k) & (mass - ranked < top_p)
        if masking:
            kept = self._masked(kept, ranked, mass, order)
        kept = torch.zeros_like(kept).scatter(1, order, kept)
        running = torch.where(kept, chances, self._none).cumsum(1)
        reached = torch.searchsorted(running, (uniforms * running[:, -1])[:, None], right=True)[:, 0]
        return reached.clamp(max=scores.shape[1] - 1)

    def _masked(
        self, kept: torch.Tensor, ranked: torch.Tensor, mass: torch.Tensor, order: torch.Tensor
    ) -> torch.Tensor:
        """Remove the likeliest note tokens as mask_k or mask_p ask. Structural tokens always stay."""
        mask_k, mask_p = self._filters[3], self._filters[4]
        count = (kept & (ranked > 0)).sum(1, keepdim=True)
        total = mass.gather(1, (count - 1).clamp(min=0))
        by_count = torch.where(mask_k < count, mask_k, 0)
        by_mass = (mass < mask_p * total - 1e-12).sum(1, keepdim=True) + 1
        by_mass = torch.where(mask_p > 0, torch.minimum(by_mass, count - 1), 0)
        left = kept & ((self._ranks >= torch.maximum(by_count, by_mass)) | ~self._content[order])
        return left

    def _effects(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """keep, add [vocab, 6]: the effect of each token on a state. order [vocab]: the order in which positions must ascend."""
        size = self.grammar.vocabulary.size
        keep, add = np.ones((size, 6), dtype=np.int64), np.zeros((size, 6), dtype=np.int64)
        order = np.full(size, _NO_LIMIT)
        for token in range(size):
            kind, value = self.grammar.vocabulary.type_of(token)
            keep[token, _LAST], add[token, _LAST] = 0, self._types[kind] * _STATES
            if kind is TokenType.NOTE_ONSET:
                add[token, [_NOTES, _TOGETHER]] = 1
            elif kind is TokenType.TIME_ABSOLUTE_POS:
                order[token] = value
                keep[token, [_TOGETHER, _PLACE]], add[token, _PLACE] = 0, value
            elif kind is TokenType.FILL_IN_START:
                keep[token, [_NOTES, _TOGETHER, _PLACE]], add[token, _PLACE] = 0, -1
                add[token, _TARGET] = self._rows_a_target
            elif kind is TokenType.FILL_IN_END:
                add[token, _LEFT] = -1
        return keep, add, order

    def _table(self, bar: WrittenBar, last: bool, rests: bool) -> npt.NDArray[np.bool_]:
        """[type of the last token × content of the bar, vocab]: the legal ids in a bar whose positions are all still free."""
        if (found := self._kept_tables.get((bar, last, rests))) is not None:
            return found
        table = np.zeros((len(self._types), _STATES, self.grammar.vocabulary.size), dtype=bool)
        for number, kind in enumerate(self._types):
            for holds in range(_STATES):
                state = self.grammar.start_infill(
                    (bar,) if last else (bar, bar),
                    allow_rests=rests,
                    density_hard_limit=1 if holds & 2 else 0,
                    polyphony_hard_limit=1 if holds & 4 else 0,
                )
                state.last = kind
                state.bar_notes = state.position_notes = int(holds > 0)
                table[number, holds] = state.legal()
        if len(self._kept_tables) >= _MOST_KEPT_TABLES:
            self._kept_tables.clear()
        found = self._kept_tables[bar, last, rests] = table.reshape(-1, table.shape[-1])
        return found


def _numbers(infill: Infill, size: int) -> list[float]:
    """temperature, top_k, top_p, mask_k and mask_p. "Off" is expressed as a value, so that no special case is left."""
    options = infill.options
    top_p = options.top_p - 1e-12 if options.top_p < 1.0 else 2.0
    return [options.temperature, options.top_k or size, top_p, options.mask_k, options.mask_p]
