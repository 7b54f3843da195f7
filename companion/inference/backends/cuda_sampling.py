"""The infill grammar and the draw of a token as tensor operations, so that a GPU goes on without asking the host.

The tables are read off the host's own grammar, state by state, and a draw uses the host's uniform number in the host's way, so
both sides choose the same token from the same logits. `mask_k` and `mask_p` are left to the host.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from companion.errors import GenerationError
from companion.inference.sampling import SamplingOptions
from companion.tokenizer.grammar import Grammar, WrittenBar
from companion.tokenizer.token_types import TokenType

_EMPTY, _SOME, _DENSE, _POLYPHONIC = range(4)  # what the open bar holds, as far as legality goes


@dataclass(frozen=True, slots=True)
class InfillRules:
    """What one infill may write: the targets' bars in fill order, and the limits of `Grammar.start_infill`."""

    targets: tuple[WrittenBar, ...]
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0


class DeviceSampler:
    """Grammar states of `batch` takes on a device, and the tokens they chose: `tokens` [batch, limit], −1 where not yet."""

    def __init__(
        self,
        grammar: Grammar,
        rules: InfillRules,
        options: SamplingOptions,
        uniforms: npt.NDArray[np.float64],
        device: torch.device,
    ) -> None:
        """uniforms: [batch, limit], the draws of each take in order."""
        if options.mask_k or options.mask_p:
            raise GenerationError("mask_k and mask_p are chosen on the host")
        self._grammar, self._options, self._rules = grammar, options, rules
        vocabulary = grammar.vocabulary
        kinds = [vocabulary.type_of(token) for token in range(vocabulary.size)]
        self._types = {token_type: number for number, token_type in enumerate(vocabulary.domains)}
        self._type_of = torch.tensor([self._types[kind] for kind, _ in kinds], device=device)
        self._value_of = torch.tensor([value for _, value in kinds], device=device)
        self._is_position = self._type_of == self._types[TokenType.TIME_ABSOLUTE_POS]
        self._table = torch.from_numpy(_legal_table(grammar, rules, list(self._types))).to(device)
        self._uniforms = torch.from_numpy(uniforms).to(device)
        batch, limit = uniforms.shape
        self.tokens = torch.full((batch, limit), -1, dtype=torch.int64, device=device)
        self._last, self._place, self._target, self._notes, self._together, self._draws, self._count = torch.zeros(
            (7, batch), dtype=torch.int64, device=device
        ).unbind()
        self.done = torch.zeros(batch, dtype=torch.bool, device=device)
        self.recorded: dict[object, torch.cuda.CUDAGraph] = {}
        self._to_start()

    @property
    def state(self) -> tuple[torch.Tensor, ...]:
        """Every tensor that `choose` changes."""
        counters = (self._last, self._place, self._target, self._notes, self._together, self._draws, self._count)
        return (self.tokens, self.done, *counters)

    def restart(self, rules: InfillRules, uniforms: npt.NDArray[np.float64]) -> None:
        """Begin another infill in the same tensors, so that recorded steps stay valid: same batch, limit, targets and limits."""
        same = len(rules.targets) == len(self._rules.targets) and uniforms.shape == tuple(self._uniforms.shape)
        limits = (rules.density_hard_limit, rules.polyphony_hard_limit)
        if not same or limits != (self._rules.density_hard_limit, self._rules.polyphony_hard_limit):
            raise GenerationError("another shape of infill needs a sampler of its own")
        self._rules = rules
        self._table.copy_(torch.from_numpy(_legal_table(self._grammar, rules, list(self._types))))
        self._uniforms.copy_(torch.from_numpy(uniforms))
        self._to_start()

    def _to_start(self) -> None:
        for tensor in self.state:
            tensor.zero_()
        self.tokens.fill_(-1)
        self._place.fill_(-1)
        self._last.fill_(self._types[TokenType.FILL_IN_START])

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Next token of every take from logits [batch, vocab]; [batch], 0 for takes that are done. All state moves in place."""
        legal = self._legal()
        several = legal.sum(dim=1) > 1
        drawn = _draw(logits, legal, self._options, self._uniforms.gather(1, self._draws[:, None])[:, 0])
        token = torch.where(several, drawn, legal.to(torch.int64).argmax(dim=1))
        greedy = self._options.top_k == 1
        if not greedy:
            self._draws.add_((several & ~self.done).long()).clamp_(max=self._uniforms.shape[1] - 1)
        shown = torch.where(self.done, -1, token)
        at = self._count.clamp(max=self.tokens.shape[1] - 1)[:, None]
        self.tokens.scatter_(1, at, shown[:, None])
        self._count.add_((~self.done).long())
        self._advance(token)
        return torch.where(shown < 0, 0, token)

    def _legal(self) -> torch.Tensor:
        rules = self._rules
        holds = (self._notes > 0).long() * _SOME
        if rules.polyphony_hard_limit:
            holds = torch.where(self._together >= rules.polyphony_hard_limit, _POLYPHONIC, holds)
        if rules.density_hard_limit:
            holds = torch.where(self._notes >= rules.density_hard_limit, _DENSE, holds)
        legal = self._table[self._target, self._last, holds]
        return legal & (~self._is_position | (self._value_of > self._place[:, None]))

    def _advance(self, token: torch.Tensor) -> None:
        kind, active = self._type_of[token], ~self.done
        is_note = active & (kind == self._types[TokenType.NOTE_ONSET])
        is_place = active & (kind == self._types[TokenType.TIME_ABSOLUTE_POS])
        starts = active & (kind == self._types[TokenType.FILL_IN_START])
        ends = active & (kind == self._types[TokenType.FILL_IN_END])
        self._last.copy_(torch.where(active, kind, self._last))
        self._notes.add_(is_note.long()).masked_fill_(starts, 0)
        self._together.add_(is_note.long()).masked_fill_(starts | is_place, 0)
        self._place.copy_(torch.where(is_place, self._value_of[token], self._place)).masked_fill_(starts, -1)
        self._target.add_(starts.long())
        self.done.logical_or_(ends & (self._target + 1 >= len(self._rules.targets)))


def _legal_table(grammar: Grammar, rules: InfillRules, types: list[TokenType]) -> npt.NDArray[np.bool_]:
    """[target, last type, what the bar holds, id], for a bar whose positions are all still free."""
    table = np.zeros((len(rules.targets), len(types), 4, grammar.vocabulary.size), dtype=bool)
    for holds, (notes, density, polyphony) in enumerate(((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1))):
        for target in range(len(rules.targets)):
            for number, last in enumerate(types):
                state = grammar.start_infill(
                    rules.targets,
                    allow_rests=rules.allow_rests,
                    density_hard_limit=density,
                    polyphony_hard_limit=polyphony,
                )
                state.last, state.bar_index, state.bar_notes, state.position_notes = last, target, notes, notes
                table[target, number, holds] = state.legal()
    return table


def _draw(logits: torch.Tensor, legal: torch.Tensor, options: SamplingOptions, uniforms: torch.Tensor) -> torch.Tensor:
    """One legal id a row: filtered by top_k and top_p, then where the running sum passes the row's uniform number."""
    scores = logits.double().masked_fill(~legal, -torch.inf)
    if options.top_k == 1:
        return scores.argmax(dim=1)
    chances = torch.softmax(scores / options.temperature, dim=1)
    if options.top_k or options.top_p < 1.0:
        ranked, order = chances.sort(dim=1, descending=True, stable=True)
        place = torch.arange(chances.shape[1], device=logits.device)
        kept = place < options.top_k if options.top_k else place >= 0
        if options.top_p < 1.0:
            kept = kept & (ranked.cumsum(dim=1) - ranked < options.top_p - 1e-12)
        chances = chances.masked_fill(~torch.zeros_like(legal).scatter(1, order, kept.expand_as(legal)), 0.0)
    running = chances.cumsum(dim=1)
    aim = (uniforms * running[:, -1])[:, None]
    reached = torch.searchsorted(running, aim, right=True)[:, 0]
    return reached.clamp(max=logits.shape[1] - 1)
