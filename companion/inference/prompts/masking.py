"""How hidden bars are hidden: the mask mode becomes nothing but token ids and their positions.

A hidden bar is encoded as its shell `Bar TimeSig BarEnd` (mode `token`: with MaskBar inside). What the modes do with it:

    token             the shell with MaskBar stays; needs the MaskBar token
    remove            the shell stays, an empty bar like any other
    attention         no token may look at the shells
    attention_skip    the shells are left out, all others keep their positions
    attention_approx  an approximation of `attention` in midigpt; exact here

Masking keys for every query is exactly the same as leaving those tokens out while the others keep their positions: nothing
visible ever looks at them. So the three attention modes are one computation here, cheaper than a mask, and equal to
midigpt's `attention` to rounding. (midigpt's `attention_skip` is off by one position from the second token on, and its
`attention_approx` draws all attention onto hidden bars in about half of the heads.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.inference.backends.base import Ids

LEFT_OUT_MODES = ("attention", "attention_skip", "attention_approx")


@dataclass(frozen=True, slots=True)
class MaskedPrompt:
    """What is fed: ids [T] at positions [T]; the first generated token stands at next_position."""

    ids: Ids
    positions: Ids
    next_position: int


def apply_mask_mode(ids: Sequence[int], hidden_spans: Sequence[tuple[int, int]], mode: str) -> MaskedPrompt:
    """Leave hidden spans [start, end) out in the attention modes; feed everything in the others.

    A prompt that ends in a hidden bar (autoregressive, with its last bar hidden) goes on at the position after that bar.
    """
    tokens = np.asarray(ids, dtype=np.int64)
    keep = np.ones(len(tokens), dtype=bool)
    if mode in LEFT_OUT_MODES:
        for start, end in hidden_spans:
            keep[start:end] = False
    positions = np.flatnonzero(keep).astype(np.int64)
    return MaskedPrompt(tokens[keep], positions, len(tokens))
