"""Bits per token and per note that a checkpoint needs for held-out music, beside baselines on the same ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log2
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from companion.errors import TokenizerError
from companion.evaluation.measures.intervals import ratio
from companion.evaluation.measures.ngram import NGram
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import Cell, LiveWindow
from companion.tokenizer import Tokenizer, TokenType

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

COPY_SHARES = (0.3, 0.5, 0.7, 0.8, 0.9)  # the copy baseline uses the best of these


@dataclass(frozen=True, slots=True)
class Reading:
    """A sequence as the model reads it. ids, positions (L,); fill: index of the first FillInStart, or L without fills;
    previous: for each fill in order, the ids of the same track's bar before, ended by FillInEnd."""

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    fill: int
    notes: int
    notes_filled: int
    previous: tuple[tuple[int, ...], ...] = ()


@dataclass(slots=True)
class Bits:
    """Sums of −log2 P; `infill` counts only what the model writes after the first FillInStart. rows: of each reading."""

    total: float = 0.0
    tokens: int = 0
    infill: float = 0.0
    infill_tokens: int = 0
    rows: list[tuple[float, int, float, int]] = field(default_factory=list)

    def add(self, bits: Sequence[float] | npt.NDArray[np.float64], fill: int) -> None:
        """bits[i] belongs to token i + 1."""
        values = np.asarray(bits, dtype=np.float64)
        self.total += float(values.sum())
        self.tokens += len(values)
        self.infill += float(values[fill:].sum())
        self.infill_tokens += len(values[fill:])
        self.rows.append((float(values.sum()), len(values), float(values[fill:].sum()), len(values[fill:])))

    @property
    def mean(self) -> float:
        """Bits per token."""
        return self.total / max(1, self.tokens)

    def intervals(self) -> dict[str, list[float]]:
        """95 % intervals of `mean` and `mean_infill`, over readings."""
        columns = list(zip(*self.rows, strict=True)) or [()] * 4
        found = {"all": ratio(columns[0], columns[1]), "infill": ratio(columns[2], columns[3])}
        return {name: [figure.low, figure.high] for name, figure in found.items() if figure is not None}

    @property
    def mean_infill(self) -> float:
        """Bits per token inside the fills."""
        return self.infill / max(1, self.infill_tokens)


def read_window(tokenizer: Tokenizer, window: LiveWindow, *, plain: bool) -> Reading:
    """The ids of a window: whole and plain, or the live infill with its true fills (hidden bars left out or MaskBar)."""
    mask_token = TokenType.MASK_BAR in tokenizer.vocabulary
    if plain:
        encoded = tokenizer.encode(window.score)
    else:
        encoded = tokenizer.encode(
            window.score, targets=window.targets, hidden=window.hidden, mask_token=mask_token, fills=True
        )
    ids = np.array(encoded.ids, dtype=np.int64)
    kept = np.ones(len(ids), dtype=bool)
    for start, end in encoded.hidden_spans:
        kept[start:end] = False
    positions = np.flatnonzero(kept)
    ids = ids[positions]
    note_base, note_count = tokenizer.vocabulary.domains[TokenType.NOTE_ONSET]
    is_note = (ids >= note_base) & (ids < note_base + note_count)
    starts = np.flatnonzero(ids == tokenizer.vocabulary.id(TokenType.FILL_IN_START)) if not plain else np.zeros(0, int)
    fill = int(starts[0]) if len(starts) else len(ids)
    previous = () if plain else tuple(_bar_ids(tokenizer, window, cell) for cell in encoded.targets)
    return Reading(ids, positions, fill, int(is_note.sum()), int(is_note[fill:].sum()), previous)


def _bar_ids(tokenizer: Tokenizer, window: LiveWindow, cell: Cell) -> tuple[int, ...]:
    """The ids of the bar before `cell`, as a fill would write them."""
    track, bar = cell
    before = window.score.with_track(
        track, window.score.tracks[track].with_bar(bar, window.score.tracks[track].bars[bar - 1])
    )
    encoded = tokenizer.encode(before, targets=[cell], fills=True)
    start = len(encoded.ids) - 1 - encoded.ids[::-1].index(tokenizer.vocabulary.id(TokenType.FILL_IN_START))
    return tuple(encoded.ids[start + 1 :])


def model_bits(model: Any, reading: Reading) -> npt.NDArray[np.float64]:
    """−log2 P of tokens 1.. of one sequence under a GPT2LMHeadModel; float64 [L − 1].

    The mask of ones is needed: without it, transformers treats a gap in the positions as the start of another sequence.
    """
    import torch

    ids = torch.from_numpy(reading.ids)[None]
    positions = torch.from_numpy(reading.positions)[None]
    with torch.inference_mode():
        ones = torch.ones_like(ids)
        logits = model(input_ids=ids, position_ids=positions, attention_mask=ones, use_cache=False).logits
        chances = torch.log_softmax(logits[0, :-1].float(), dim=-1).gather(1, ids[0, 1:, None])[:, 0]
    return -chances.double().numpy() / np.log(2)


def copy_bits(ngram: NGram, reading: Reading, share: float) -> list[float]:
    """Like the n-gram model, but inside fills `share` of the probability goes to continuing as in the bar before."""
    bits = ngram.bits(reading.ids.tolist())
    ids = reading.ids.tolist()
    source: tuple[int, ...] = ()
    place, fills = 0, iter(reading.previous)
    for index in range(reading.fill, len(ids) - 1):
        if ids[index] == ids[reading.fill]:  # a FillInStart
            source, place = next(fills), -1
        elif ids[index] in source[max(0, place) :]:
            place = source.index(ids[index], max(0, place))
        guess = source[place + 1] if place + 1 < len(source) else None
        chance = 2.0 ** -bits[index] * (1 - share) + (share if guess == ids[index + 1] else 0.0)
        bits[index] = -log2(chance)
    return bits


def fit_baselines(tokenizer: Tokenizer, windows: Sequence[LiveWindow]) -> tuple[NGram, NGram]:
    """Unigram and 5-gram models of training windows, plain and live alike."""
    unigram, fivegram = NGram(tokenizer.vocabulary.size, 1), NGram(tokenizer.vocabulary.size, 5)
    for window in windows:
        for plain in (True, False):
            try:
                ids = read_window(tokenizer, window, plain=plain).ids.tolist()
            except TokenizerError:
                continue
            unigram.fit([ids])
            fivegram.fit([ids])
    return unigram, fivegram


def measure(
    checkpoint: Checkpoint,
    tokenizer: Tokenizer,
    windows: Sequence[LiveWindow],
    unigram: NGram,
    fivegram: NGram,
    progress: Progress,
) -> dict[str, Any]:
    """bits_per_token, bits_per_note and the baselines' own, over plain and live readings of every window."""
    from companion.inference.backends.reference import build_model

    model = build_model(checkpoint.config)
    model.load_state_dict(checkpoint.state_dict, strict=True)
    ours, one, five = Bits(), Bits(), Bits()
    copies = {share: Bits() for share in COPY_SHARES}
    notes = notes_filled = 0
    for window in counted(progress, "bits a token", windows):
        for plain in (True, False):
            try:
                reading = read_window(tokenizer, window, plain=plain)
            except TokenizerError:
                continue
            if len(reading.ids) > checkpoint.config.n_positions:
                continue
            ids = reading.ids.tolist()
            ours.add(model_bits(model, reading), reading.fill)
            one.add(unigram.bits(ids), reading.fill)
            five.add(fivegram.bits(ids), reading.fill)
            for share, bits in copies.items():
                bits.add(copy_bits(fivegram, reading, share), reading.fill)
            notes += reading.notes
            notes_filled += reading.notes_filled
    copy = min(copies.values(), key=lambda bits: bits.mean_infill)
    return {
        "bits_per_token": {
            "all": ours.mean,
            "infill": ours.mean_infill,
            "tokens": ours.tokens,
            "interval": ours.intervals(),
        },
        "bits_per_note": {
            "all": ours.total / max(1, notes),
            "infill": ours.infill / max(1, notes_filled),
            "notes": notes,
        },
        "baselines": {
            "unigram": {"all": one.mean, "infill": one.mean_infill},
            "5-gram": {"all": five.mean, "infill": five.mean_infill},
            "copy previous bar": {"infill": copy.mean_infill},
        },
    }
