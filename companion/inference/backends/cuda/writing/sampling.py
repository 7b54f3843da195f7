"""The infill grammar, rests, and the draw of a token as tensor operations, so that a GPU need not ask the host.

The tables are read from the host's grammar, state by state. A draw uses the host's uniform numbers in the same way as the host,
so both sides choose the same tokens from the same logits (see `companion.inference.decoding.choosing`). Everything that
differs between takes, bars and infills is in tensors, so one recorded step serves them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from companion.inference.backends.cuda.writing.numbers import Numbers
from companion.inference.backends.cuda.writing.pushes import Dial, set_bar
from companion.inference.backends.cuda.writing.steering import BarState, DeviceSteering
from companion.inference.backends.writing import Infill
from companion.inference.decoding.choosing import SMALLEST_CHANCE, note_content
from companion.inference.steering.dials import BarPushes
from companion.tokenizer.grammar import Grammar, WrittenBar
from companion.tokenizer.token_types import TokenType

MOST_BARS = 32  # bars in one batch, of all parts together
MOST_OPENED = 256  # tokens that a bar may begin with
HOLDS = 8  # content of the open bar as bits: 1 any note, 2 the most notes of a bar, 4 the most at this position
_NO_LIMIT = 1 << 30
_MOST_KEPT_TABLES = 64

# A take's state is one row of numbers, and a token changes it by `state * keep + add`. The numbers are: the last token's type and
# the current bar (both as rows of the tables), the notes of the bar, the notes at the position, the position (−1 before the
# first), the bars left, the tokens that still fit, the tokens written in this bar, and the last note's pitch.
LAST, BAR, NOTES, TOGETHER, PLACE, LEFT, ROOM, WRITTEN, PITCH = range(9)
COLUMNS = 9
# What a bar that has just begun may be: forced to sound, a rest if chance wants it, or anything at once.
ANYTHING, MAY_REST, MUST_SOUND = range(3)


class DeviceSampler:
    """The states of `takes` takes on a device, and the tokens chosen so far: `tokens` [takes, limit], −1 for none.

    weights [takes, 2]: the sum of the log-likelihoods of the choices under the model itself, and their number.
    """

    def __init__(self, grammar: Grammar, takes: int, limit: int, device: torch.device) -> None:
        """limit: most tokens of a take."""
        self.grammar, self.takes = grammar, takes
        vocabulary = grammar.vocabulary
        size = vocabulary.size
        self._types = {token_type: number for number, token_type in enumerate(vocabulary.domains)}
        self._rows_a_bar = len(self._types) * HOLDS
        self._end = vocabulary.first_id(TokenType.FILL_IN_END)
        self._kept_tables: dict[tuple[WrittenBar, bool, bool], npt.NDArray[np.bool_]] = {}
        self._steering = DeviceSteering(vocabulary, MOST_BARS, HOLDS, device)
        self._bars = BarState(vocabulary, takes, device)
        rows = MOST_BARS * self._rows_a_bar
        self._numbers = Numbers(
            {
                "start": ((takes, COLUMNS), "i8"),
                "uniforms": ((takes, 2 * limit), "f8"),
                "bias": ((takes, size), "f4"),
                "filters": ((takes, 5), "f8"),
                "limits": ((takes, 3), "i8"),
                "weighed": ((takes,), "?"),
                "allowed": ((rows, len(self._types)), "?"),
                "facts": ((rows, 2), "i8"),
                "opened": ((MOST_BARS, MOST_OPENED + 1), "i8"),
                "from_tick": ((MOST_BARS, 1), "i8"),
                **self._steering.fields,
            },
            device,
        )
        self._read_effects(device)
        self._content = torch.from_numpy(note_content(vocabulary)).to(device)
        self._ranks = torch.arange(size, device=device)
        # Constants for `where`. As Python numbers, each would need a kernel that fills a tensor.
        self._never = torch.tensor(-torch.inf, dtype=torch.float64, device=device)
        self._none = torch.tensor(0.0, dtype=torch.float64, device=device)
        self._blank = torch.tensor(-1, device=device)
        self._ending = torch.tensor(self._end, device=device)
        self._counted = torch.tensor([NOTES, NOTES, TOGETHER], device=device)
        self._bits = torch.tensor([1, 2, 4], device=device)
        self._state = torch.zeros((takes, COLUMNS), dtype=torch.int64, device=device)
        self._draws = torch.zeros(takes, dtype=torch.int64, device=device)
        self._step = torch.zeros(takes, dtype=torch.int64, device=device)
        self.tokens = torch.full((takes, limit), -1, dtype=torch.int64, device=device)
        self.done = torch.ones(takes, dtype=torch.bool, device=device)
        self.weights = torch.zeros((takes, 2), dtype=torch.float64, device=device)

    @property
    def state(self) -> tuple[torch.Tensor, ...]:
        """Every tensor that `choose` changes."""
        return (
            *(self.tokens, self.done, self.weights, self._state, self._draws, self._step),
            *(self._bars.rings, self._bars.heard, self._bars.played),
        )

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Everything that `choose` reads and writes, by name, for another implementation of it."""
        return {
            **self._numbers.there,
            "tokens": self.tokens,
            "done": self.done,
            "weights": self.weights,
            "state": self._state,
            "draws": self._draws,
            "step": self._step,
            "rings": self._bars.rings,
            "heard": self._bars.heard,
            "played": self._bars.played,
            "type_of": self._type_of,
            "after": self._after,
            "before": self._before,
            "content": self._content,
        }

    def start(self, infills: Sequence[tuple[Infill, int]]) -> None:
        """Begin to write these infills, each with the number of tokens for which there is room after its prompt.

        Their takes get rows in order. Rows that are left over are done from the start.
        """
        here = self._numbers.here
        here["start"][:] = 0
        row = bar = 0
        for infill, room in infills:
            takes = slice(row, row + len(infill.uniforms))
            self._set_takes(takes, infill)
            last = self._types[TokenType.FILL_IN_START] * HOLDS
            here["start"][takes] = last, bar * self._rows_a_bar, 0, 0, -1, len(infill.targets), room, 0, 0
            self._set_bars(bar, infill)
            row, bar = takes.stop, bar + len(infill.targets)
        self._numbers.send()
        self._state.copy_(self._numbers.there["start"])
        for tensor in (self._draws, self._step, self.weights):
            tensor.zero_()
        self._bars.clear()
        self.tokens.fill_(-1)
        torch.le(self._state[:, LEFT], 0, out=self.done)

    def _set_takes(self, takes: slice, infill: Infill) -> None:
        here = self._numbers.here
        most = here["uniforms"].shape[1]
        here["uniforms"][takes, : infill.uniforms.shape[1]] = infill.uniforms[:, :most]
        here["bias"][takes] = 0.0 if infill.bias is None else infill.bias
        here["weighed"][takes] = infill.weighed
        here["filters"][takes] = _filters(infill, here["bias"].shape[1])
        here["limits"][takes] = 1, infill.density_hard_limit or _NO_LIMIT, infill.polyphony_hard_limit or _NO_LIMIT

    def _set_bars(self, first: int, infill: Infill) -> None:
        here, resolution = self._numbers.here, self.grammar.vocabulary.config.resolution
        for number, target in enumerate(infill.targets):
            rows = slice((first + number) * self._rows_a_bar, (first + number + 1) * self._rows_a_bar)
            here["allowed"][rows] = self._table(target, number + 1 == len(infill.targets), infill.allow_rests)
            ticks = target.meter.bar_ticks(resolution)
            here["facts"][rows] = ticks, ANYTHING
            kind = TokenType.NOTE_ONSET if target.is_drum else TokenType.NOTE_DURATION
            pushes = infill.pushes[number] if infill.pushes else BarPushes(ticks, kind)
            set_bar(here, first + number, pushes)
            opening = infill.openings[number] if infill.openings else ()
            here["opened"][first + number] = -1
            here["opened"][first + number, : len(opening)] = opening
            here["from_tick"][first + number] = infill.from_tick
            begun = rows.start + self._types[TokenType.FILL_IN_START] * HOLDS
            if infill.allow_rests and pushes.must_sound:
                here["facts"][begun, 1] = MUST_SOUND
            elif infill.allow_rests and infill.options.top_k != 1:
                here["facts"][begun, 1] = MAY_REST

    def choose(self, logits: torch.Tensor, steered: bool) -> torch.Tensor:
        """Return the next token of the first B takes from logits [B, vocab]; 0 for takes that are done. The state changes in place.

        steered: whether any take is steered, has an opening, mask_k or mask_p, or is weighed (`is_steered`); if not, that
        computation is left out.
        """
        batch = len(logits)
        there = {name: self._numbers.there[name][:batch] for name in ("uniforms", "bias", "filters", "limits")}
        state, done = self._state[:batch], self.done[:batch]
        holds = ((state.index_select(1, self._counted) >= there["limits"]) * self._bits).sum(1)
        row = holds + state[:, LAST] + state[:, BAR]
        facts = self._numbers.there["facts"].index_select(0, row)
        place = state[:, PLACE, None]
        legal = self._numbers.there["allowed"].index_select(0, row).index_select(1, self._type_of)
        legal = legal & (self._after > place) & (self._before < facts[:, :1])
        allowed = legal
        if steered:
            legal = legal & self._late_enough(state, place)

        draws = self._draws[:batch]
        uniforms = there["uniforms"].gather(1, torch.stack((draws, draws + 1), 1))
        asks = facts[:, 1] == MAY_REST
        raw = torch.where(legal, logits.double(), self._never)
        resting = torch.softmax(raw, 1)[:, self._end]
        pushed = logits + there["bias"]
        if steered:
            resting, pushed = self._steered(resting, pushed, state)
        rests = asks & (uniforms[:, 0] < resting)
        scores = torch.where(legal, pushed.double(), self._never)
        scores[:, self._end].masked_fill_(facts[:, 1] > ANYTHING, -torch.inf)
        uniform = torch.where(asks, uniforms[:, 1], uniforms[:, 0])
        drawn = self._draw(scores, uniform, there["filters"], steered)
        token = torch.where(rests, self._ending, drawn)
        choices = (scores > self._never).sum(1)
        used = asks.long() + ((choices > 1) & ~rests)
        if steered:
            token, used, done = self._opened(token, used, done, logits, allowed, legal)
        token = token.masked_fill(done, 0)

        draws.add_(used)
        self.tokens[:batch].index_copy_(1, self._step[:1], torch.where(done, self._blank, token)[:, None])
        self._step.add_(1)
        if steered:
            self._bars.take(token, place.clamp(min=0), state[:, PITCH])
        changed = torch.addcmul(self._add.index_select(0, token), state, self._keep.index_select(0, token))
        state.copy_(torch.where(done[:, None], state, changed))
        torch.le(state[:, LEFT : ROOM + 1].amin(1), 0, out=self.done[:batch])
        self.done[:batch].logical_or_(done)
        return token

    def _steered(
        self, resting: torch.Tensor, logits: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The chance [B] of a rest and the logits [B, vocab] as dials and chords push them."""
        there, bars = self._numbers.there, state[:, BAR] // self._rows_a_bar
        odds = there["dials"].index_select(0, bars)[:, Dial.REST_ODDS].double()
        resting = resting * odds / (1.0 - resting + resting * odds)
        counts = state[:, NOTES, None], state[:, TOGETHER, None], state[:, PLACE, None].clamp(min=0)
        last = state[:, LAST, None]
        return resting, self._steering.push(logits, there, bars, last, counts, self._bars.of(len(logits)))

    def _late_enough(self, state: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """[B, vocab]: the tokens that begin no note before the bar's `from_tick`."""
        from_tick = self._numbers.there["from_tick"].index_select(0, state[:, BAR] // self._rows_a_bar)
        free = from_tick <= place.clamp(min=0)
        return free | ~self._content | (self._before >= from_tick)

    def _opened(
        self,
        token: torch.Tensor,
        used: torch.Tensor,
        done: torch.Tensor,
        logits: torch.Tensor,
        allowed: torch.Tensor,
        legal: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Take the bar's opening instead of a choice where it is not over, else weigh the choice. A take without a choice ends."""
        state = self._state[: len(token)]
        written = state[:, WRITTEN, None].clamp(max=MOST_OPENED)
        bars = state[:, BAR] // self._rows_a_bar
        opening = self._numbers.there["opened"].index_select(0, bars).gather(1, written)[:, 0]
        opens = opening >= 0
        done = done | ~(opens | legal.any(1))
        chances = torch.softmax(torch.where(allowed, logits.double(), self._never), 1)
        chance = chances.gather(1, token[:, None])[:, 0].nan_to_num(0.0).clamp(min=SMALLEST_CHANCE)
        counts = self._numbers.there["weighed"][: len(token)] & ~(opens | done) & (allowed.sum(1) > 1)
        self.weights[: len(token)].add_(torch.stack((torch.where(counts, chance.log(), self._none), counts), 1))
        return torch.where(opens, opening, token), used.masked_fill(opens, 0), done

    def _draw(self, scores: torch.Tensor, uniforms: torch.Tensor, filters: torch.Tensor, masking: bool) -> torch.Tensor:
        """Draw one id per row: apply the filters, then take the id at which the running sum passes the row's uniform number."""
        chances = torch.softmax(scores / filters[:, :1], 1)
        ranked, order = chances.sort(dim=1, descending=True, stable=True)
        mass = ranked.cumsum(1)
        kept = (self._ranks < filters[:, 1:2]) & (mass - ranked < filters[:, 2:3])
        if masking:
            kept = self._masked(kept, ranked, mass, order, filters)
        kept = torch.zeros_like(kept).scatter(1, order, kept)
        running = torch.where(kept, chances, self._none).cumsum(1)
        reached = torch.searchsorted(running, (uniforms * running[:, -1])[:, None], right=True)[:, 0]
        return reached.clamp(max=scores.shape[1] - 1)

    def _masked(
        self, kept: torch.Tensor, ranked: torch.Tensor, mass: torch.Tensor, order: torch.Tensor, filters: torch.Tensor
    ) -> torch.Tensor:
        """Remove the likeliest note tokens as mask_k or mask_p ask. Structural tokens always stay."""
        mask_k, mask_p = filters[:, 3:4], filters[:, 4:5]
        count = (kept & (ranked > 0)).sum(1, keepdim=True)
        total = mass.gather(1, (count - 1).clamp(min=0))
        by_count = torch.where(mask_k < count, mask_k, 0)
        by_mass = (mass < mask_p * total - 1e-12).sum(1, keepdim=True) + 1
        by_mass = torch.where(mask_p > 0, torch.minimum(by_mass, count - 1), 0)
        return kept & ((self._ranks >= torch.maximum(by_count, by_mass)) | ~self._content[order])

    def _read_effects(self, device: torch.device) -> None:
        """keep, add [vocab, columns]: the effect of each token on a state. after, before [vocab]: bounds for positions alone."""
        vocabulary = self.grammar.vocabulary
        keep, add = (np.full((vocabulary.size, COLUMNS), value, dtype=np.int64) for value in (1, 0))
        type_of = np.zeros(vocabulary.size, dtype=np.int64)
        after, before = np.full(vocabulary.size, _NO_LIMIT), np.full(vocabulary.size, -1)
        for token in range(vocabulary.size):
            kind, value = vocabulary.type_of(token)
            type_of[token] = self._types[kind]
            keep[token, LAST], add[token, LAST] = 0, self._types[kind] * HOLDS
            add[token, ROOM], add[token, WRITTEN] = -1, 1
            if kind is TokenType.NOTE_ONSET:
                add[token, [NOTES, TOGETHER]] = 1
                keep[token, PITCH], add[token, PITCH] = 0, value
            elif kind is TokenType.TIME_ABSOLUTE_POS:
                after[token] = before[token] = value
                keep[token, [TOGETHER, PLACE]], add[token, PLACE] = 0, value
            elif kind is TokenType.FILL_IN_START:
                keep[token, [NOTES, TOGETHER, PLACE, WRITTEN]] = 0
                add[token, PLACE], add[token, WRITTEN] = -1, 0
                add[token, BAR] = self._rows_a_bar
            elif kind is TokenType.FILL_IN_END:
                add[token, LEFT] = -1
        tables = (torch.from_numpy(table).to(device) for table in (keep, add, type_of, after, before))
        self._keep, self._add, self._type_of, self._after, self._before = tables

    def _table(self, bar: WrittenBar, last: bool, rests: bool) -> npt.NDArray[np.bool_]:
        """[type of the last token × content of the bar, type]: the types that may follow in a bar whose positions are all free."""
        if (found := self._kept_tables.get((bar, last, rests))) is not None:
            return found
        firsts = [first for first, _ in self.grammar.vocabulary.domains.values()]
        table = np.zeros((len(self._types), HOLDS, len(self._types)), dtype=bool)
        for number, kind in enumerate(self._types):
            for holds in range(HOLDS):
                state = self.grammar.start_infill(
                    (bar,) if last else (bar, bar),
                    allow_rests=rests,
                    density_hard_limit=1 if holds & 2 else 0,
                    polyphony_hard_limit=1 if holds & 4 else 0,
                )
                state.last = kind
                state.bar_notes = state.position_notes = int(holds > 0)
                table[number, holds] = state.legal()[firsts]
        if len(self._kept_tables) >= _MOST_KEPT_TABLES:
            self._kept_tables.clear()
        found = self._kept_tables[bar, last, rests] = table.reshape(-1, table.shape[-1])
        return found


def is_steered(infill: Infill) -> bool:
    """Whether an infill needs the computation that `choose` leaves out otherwise."""
    options = infill.options
    asked = infill.pushes or any(infill.openings) or infill.from_tick or infill.weighed
    return bool(options.mask_k or options.mask_p or asked)


def _filters(infill: Infill, size: int) -> list[float]:
    """temperature, top_k, top_p, mask_k and mask_p. "Off" is expressed as a value, so that no special case is left."""
    options = infill.options
    top_p = options.top_p - 1e-12 if options.top_p < 1.0 else 2.0
    return [options.temperature, options.top_k or size, top_p, options.mask_k, options.mask_p]
