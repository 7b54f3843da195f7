"""Knobs and zones belong to parts by number. The numbers differ between a preset, a snapshot and the lanes that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from companion.session.api.settings import Knob, Zone

Bound = TypeVar("Bound", Knob, Zone)


def on_tracks(bound: Iterable[Bound], tracks: Mapping[int, int]) -> Iterator[Bound]:
    """Knobs or zones with other numbers of their parts. tracks: by the old number; what belongs to another part is left out."""
    for each in bound:
        if each.track is None:
            yield each
        elif each.track in tracks:
            yield replace(each, track=tracks[each.track])
