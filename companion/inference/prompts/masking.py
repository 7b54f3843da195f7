"""How hidden bars are hidden: a mask mode is turned into token ids and their positions alone.

A hidden bar is encoded as its shell `Bar TimeSig BarEnd` (mode `token`: with MaskBar inside). The modes treat it as follows:

    token             the shell with MaskBar stays; needs the MaskBar token
    remove            the shell stays, an empty bar like any other
    attention         no token may look at the shells
    attention_skip    the shells are left out, all others keep their positions
    attention_approx  an approximation of `attention` in midigpt; exact here

Masking keys for every query is exactly the same as leaving those tokens out while the others keep their positions, because no
visible token attends to them. The three attention modes are therefore one computation here. It is cheaper than a mask and
equals midigpt's `attention` up to rounding. (midigpt's `attention_skip` is off by one position from the second token on, and
its `attention_approx` draws all attention to hidden bars in about half of the heads.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.inference.backends.base import Ids

LEFT_OUT_MODES = ("attention", "attention_skip", "attention_approx")


@dataclass(frozen=True, slots=True)
class MaskedPrompt:
    """The tokens to feed: ids [T] at positions [T]. The first generated token stands at next_position."""

    ids: Ids
    positions: Ids
    next_position: int


def apply_mask_mode(ids: Sequence[int], hidden_spans: Sequence[tuple[int, int]], mode: str) -> MaskedPrompt:
    """Leave out the hidden spans [start, end) in the attention modes; feed everything in the other modes.

    A prompt that ends in a hidden bar (autoregressive, with its last bar hidden) continues at the position after that bar.
    """
    tokens = np.asarray(ids, dtype=np.int64)
    keep = np.ones(len(tokens), dtype=bool)
    if mode in LEFT_OUT_MODES:
        for start, end in hidden_spans:
            keep[start:end] = False
    positions = np.flatnonzero(keep).astype(np.int64)
    return MaskedPrompt(tokens[keep], positions, len(tokens))
