"""All keys and values of an engine, allocated once as a pool of slots. A slot holds one sequence.

The first slots are the desk: the rows in which bars are written. The others are lent to caches. When no slot is free, the cache
that was used the longest ago gives up its slots. It is then empty, so its owner must feed its prompt again; nothing is lost but
time. The cache that was used last is never taken, because it may be the source of the one that asks.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from weakref import ref

import torch

from companion.errors import GenerationError
from companion.inference.backends.cuda.model import StaticModel

DESK = 8  # sequences that are written in one batch
LENT = 12  # sequences that caches may hold: the parts of a band, the joined prompt, and some for takes
FEWEST_LENT = 3  # a prompt, its joined copy, and one that is read meanwhile
SHARE = 0.8  # of the free memory; the rest is for working memory and other programs


class Plan(NamedTuple):
    """Slots of the desk and slots for caches."""

    desk: int
    lent: int


def plan_slots(slot_bytes: int, free_bytes: int | None) -> Plan:
    """As many slots as are useful and fit. free_bytes: None if memory is no concern.

    Raises GenerationError if not even a small pool fits.
    """
    if free_bytes is None:
        return Plan(DESK, LENT)
    fits = int(SHARE * free_bytes) // slot_bytes
    desk = DESK
    while desk > 1 and desk + FEWEST_LENT > fits:
        desk //= 2
    if desk + FEWEST_LENT > fits:
        needed = (1 + FEWEST_LENT) * slot_bytes / SHARE
        raise GenerationError(
            f"the GPU has {free_bytes / 1e6:.0f} MB free; this model needs {needed / 1e6:.0f} MB for keys and values"
        )
    return Plan(desk, min(LENT, fits - desk))


class Holder(Protocol):
    """A cache that holds slots."""

    def give_up(self) -> None:
        """The slots now belong to another cache."""
        ...


class Pool:
    """`memory` [layers, 2, slots, capacity, width], and who holds which slot. Holders that are gone leave their slots free."""

    def __init__(self, model: StaticModel) -> None:
        self.plan = plan_slots(model.slot_bytes, _free_bytes(model.device))
        self.memory = model.new_memory(sum(self.plan))
        self.taken_back = 0  # how many caches had to give up their slots
        self._holders: dict[int, ref[Holder]] = {}
        self._used: dict[int, int] = {}
        self._uses = 0

    @property
    def slots(self) -> range:
        """The slots that caches may hold."""
        return range(self.plan.desk, sum(self.plan))

    def free(self) -> None:
        """Give the memory back. The pool cannot be used afterwards."""
        self.memory = self.memory[:0, :0, :0].clone()

    def lend(self, holder: Holder, count: int) -> tuple[int, ...]:
        """Give `count` slots to a holder. Raises GenerationError if there are fewer, even with all others taken back."""
        free = [slot for slot in self.slots if self._holder(slot) is None]
        while len(free) < count:
            free += self._take_back(count)
        given = tuple(free[:count])
        for slot in given:
            self._holders[slot] = ref(holder)
        self.note_use(given)
        return given

    def note_use(self, slots: tuple[int, ...]) -> None:
        """These slots are being used now."""
        self._uses += 1
        for slot in slots:
            self._used[slot] = self._uses

    def _holder(self, slot: int) -> Holder | None:
        found = self._holders.get(slot)
        return None if found is None else found()

    def _take_back(self, wanted: int) -> list[int]:
        """The slots of the holder that was used the longest ago."""
        held = [slot for slot in self.slots if self._holder(slot) is not None]
        oldest = min(held, key=lambda slot: self._used[slot], default=None)
        if oldest is None or self._used[oldest] == self._uses:
            raise GenerationError(f"{wanted} sequences at once do not fit the engine's memory of {self.plan.lent}")
        holder = self._holder(oldest)
        assert holder is not None
        freed = [slot for slot in held if self._holder(slot) is holder]
        holder.give_up()
        for slot in freed:
            del self._holders[slot]
        self.taken_back += 1
        return freed


def _free_bytes(device: torch.device) -> int | None:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
