"""What `companion checkpoints` says about sizes: which ones belong together, and which ones would run on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from companion.errors import CompanionError
from companion.inference.checkpoints.family import Family, find_family
from companion.runtime.machine.size_here import PARTS, measure_family


def families(paths: Iterable[Path]) -> list[Family]:
    """Return those of the shipped checkpoints among these files that come in several sizes."""
    from companion.inference.checkpoints import hub

    names = dict.fromkeys(path.stem for path in paths if path.parent == hub.SHIPPED_FOLDER)
    found = (find_family(name) for name in names)
    return [family for family in found if len(family.members) > 1 or family.remarks]


def size_names(found: Iterable[Family]) -> dict[str, tuple[str, str]]:
    """Map each file to (family, the name of this size alone)."""
    return {str(member.path): (family.name, member.name) for family in found for member in family.members}


def print_sizes(found: Iterable[Family]) -> None:
    """Print one block for each family. Measuring takes a few seconds a size, and longer if a graph must be built first."""
    for family in found:
        names = " and ".join(member.name for member in family.members)
        print(f"{family.name} stands for {names}, whichever this machine can play:")
        print(f"measuring {family.name} …", file=sys.stderr)
        try:
            places, remarks = measure_family(family.name)
        except CompanionError as error:
            print(f"  {error}")
            continue
        for place in places:
            why = f"  ({place.why})" if place.why else ""
            print(f"  {place.bpm:>3} BPM, {PARTS} parts  {place.name}{why}")
        for remark in dict.fromkeys((*family.remarks, *remarks)):
            print(f"  {remark}")
