"""The plan of our own lanes, bar by bar: drafts from the engine, and the draft that each bar took.

A bar is tentative until it is committed just before its line. Then it sounds as shown, and afterwards it is history. The ladder:
fresh draft → older draft for that bar → variation of the lane's last bar → rest. Knows notes and bar numbers, no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from companion.music import Note, TimeSignature
from companion.music.units import RESOLUTION
from companion.session.api.snapshot import Ladder
from companion.session.output.fallback import vary

BARS_KEPT = 128
VERSIONS_KEPT = 8
TAKES_KEPT = 15  # of one bar, besides the one that it had first
MODEL_BARS_BACK = 16


@dataclass(slots=True, eq=False)
class Draft:
    """One proposal for a (lane, bar). insurance: it was made before the previous bar was known, so it is not fresh.

    group: the request whose takes it is compared with, its own or an earlier one; 0 = it is not a take. take: its rank there.
    number: (which take it is, of how many), counted from 1, for the copy of a take in a bar that is repeated.
    sorted_notes: `notes` when they were last put in order, and in order.
    """

    request_id: int
    notes: list[Note] = field(default_factory=list)
    complete: bool = False
    insurance: bool = False
    origin: Ladder = "fresh"
    take: int = 0
    group: int = 0
    number: tuple[int, int] | None = None
    sorted_notes: tuple[list[Note], tuple[Note, ...]] = field(default=([], ()), repr=False)

    @property
    def has_content(self) -> bool:
        """Whether anything has arrived, even if only that the bar is a rest."""
        return self.complete or bool(self.notes)

    def in_order(self) -> tuple[Note, ...]:
        """The notes in order of onset."""
        if self.sorted_notes[0] != self.notes:
            in_order = tuple(sorted(self.notes, key=lambda note: (note.onset_ticks, note.pitch)))
            self.sorted_notes = list(self.notes), in_order
        return self.sorted_notes[1]


@dataclass(slots=True, eq=False)
class PlanBar:
    """A (lane, bar). drafts: oldest first. After commit `chosen` is what sounds. picked: the take that the player has
    chosen; after commit only where the bar is repeated.
    """

    lane: int
    bar: int
    drafts: list[Draft] = field(default_factory=list)
    spare: list[Draft] = field(default_factory=list)  # other takes
    picked: Draft | None = None
    chosen: Draft | None = None
    origin: Ladder = ""
    locked: bool = False
    late_notes: int = 0
    rewritten_from: float | None = None  # beat (quarter notes) from which the bar was rewritten while it sounded

    @property
    def committed(self) -> bool:
        """No longer changeable."""
        return self.chosen is not None

    @property
    def fixed(self) -> bool:
        """Whether a new answer must not change what it will play."""
        return self.locked or self.picked is not None

    def best(self) -> Draft | None:
        """The draft that would be played now."""
        if self.picked is not None:
            return self.picked
        for wanted in (False, True):
            for draft in reversed(self.drafts):
                if draft.insurance == wanted and draft.has_content and (draft.complete or not wanted):
                    return draft
        return None

    def takes(self) -> list[Draft]:
        """The complete takes that the player can choose from, in the order in which they came, best first."""
        current = self.picked or self.chosen or self.best()
        if current is None or not current.group:
            return []
        shelf = [draft for draft in (*self.drafts, *self.spare) if draft.complete and draft.group == current.group]
        return sorted(shelf, key=lambda draft: (draft.request_id, draft.take))

    def number_of(self, draft: Draft | None) -> tuple[int, int] | None:
        """(which take a draft is, of how many), counted from 1; None where there is nothing to choose from."""
        if draft is None or draft.number is not None:
            return draft.number if draft else None
        takes = self.takes()
        return (takes.index(draft) + 1, len(takes)) if len(takes) > 1 and draft in takes else None

    def repeated(self) -> tuple[Note, ...]:
        """The notes that it would play when it is repeated."""
        return self.picked.in_order() if self.picked is not None else self.notes()

    def notes(self) -> tuple[Note, ...]:
        """The notes that sound, or would sound now, in order of onset."""
        draft = self.chosen or self.best()
        return draft.in_order() if draft else ()


# For each lane: its bar, the drafts with whether each was an insurance, and the other takes.
Page = tuple[tuple[PlanBar, tuple[tuple[Draft, bool], ...], tuple[Draft, ...]], ...]


class Plan:
    """All bars of the lanes that we play."""

    def __init__(self) -> None:
        self._bars: dict[tuple[int, int], PlanBar] = {}
        self._oldest = 0

    def get(self, lane: int, bar: int) -> PlanBar | None:
        """A bar, if anything is known of it."""
        return self._bars.get((lane, bar))

    def at(self, lane: int, bar: int) -> PlanBar:
        """A bar; created if it does not exist."""
        return self._bars.setdefault((lane, bar), PlanBar(lane, bar))

    def open_draft(self, lane: int, bar: int, request_id: int, take: int, insurance: bool) -> Draft:
        """The draft that a note of this request belongs to."""
        cell = self.at(lane, bar)
        shelf = cell.drafts if take == 0 else cell.spare
        for draft in reversed(shelf):
            if draft.request_id == request_id and draft.take == take:
                return draft
        draft = Draft(request_id, insurance=insurance, take=take, group=request_id)
        shelf.append(draft)
        if cell.locked and len(shelf) > 1 and shelf is cell.drafts:
            shelf.insert(0, shelf.pop())
        del shelf[: -(VERSIONS_KEPT if shelf is cell.drafts else TAKES_KEPT)]
        return draft

    def commit(self, lane: int, bar: int, meter: TimeSignature, is_drum: bool, keep: bool = True) -> PlanBar:
        """Decide what a bar plays. keep: a variation may stand in; otherwise only what was made for this bar, or a rest."""
        cell = self.at(lane, bar)
        if cell.chosen is not None:
            return cell
        draft = cell.best()
        if draft is not None:
            cell.chosen = draft
            cell.origin = "older" if draft.insurance and draft is not cell.picked else draft.origin
            cell.picked = None
            return cell
        last = self._last_notes(lane, bar) if keep else ()
        notes = vary(last, meter.bar_ticks(RESOLUTION), bar, is_drum) if last else ()
        cell.origin = "variation" if notes else "rest"
        cell.chosen = Draft(0, list(notes), True, origin=cell.origin)
        return cell

    def put(
        self,
        lane: int,
        bar: int,
        notes: Iterable[Note],
        origin: Ladder,
        locked: bool = False,
        number: tuple[int, int] | None = None,
    ) -> PlanBar:
        """Write a bar that is known: a backing track's, a kept one. Nothing happens to a committed bar. number: see `Draft`."""
        cell = self.at(lane, bar)
        if cell.chosen is None:
            cell.drafts.append(Draft(0, list(notes), True, origin=origin, number=number))
            cell.locked = cell.locked or locked
        return cell

    def rewrite(self, lane: int, bar: int, from_beat: float, notes: Iterable[Note], tones: frozenset[int]) -> None:
        """A committed bar plays other notes from a beat on; of those before it, keys outside `tones` (0-11) end there."""
        cell = self.at(lane, bar)
        assert cell.chosen is not None
        place = round(from_beat * RESOLUTION)
        stands = [_ended(note, place, tones) for note in cell.chosen.notes if note.onset_ticks < place]
        cell.chosen = Draft(0, [*stands, *notes], True, origin=cell.chosen.origin, group=cell.chosen.group)
        cell.rewritten_from = from_beat

    def note_was_late(self, cell: PlanBar) -> bool:
        """A note of a committed bar came too late to sound; whether it is the bar's first."""
        cell.late_notes += 1
        return cell.late_notes == 1

    def complete(self, draft: Draft) -> None:
        """All notes of a draft have come."""
        draft.complete = True

    def cut(self, lane: int, bar: int, end_ticks: float) -> None:
        """A committed bar plays only the notes that begin before `end_ticks`."""
        cell = self.get(lane, bar)
        if cell is not None and cell.chosen is not None:
            heard = [note for note in cell.chosen.notes if note.onset_ticks < end_ticks]
            cell.chosen = Draft(0, heard, True, origin=cell.chosen.origin, group=cell.chosen.group)

    def add(self, lane: int, bar: int, notes: Iterable[Note]) -> None:
        """A committed bar plays these notes as well."""
        cell = self.get(lane, bar)
        if cell is not None and cell.chosen is not None:
            cell.chosen.notes.extend(notes)

    def notes(self, lane: int, bar: int) -> tuple[Note, ...]:
        """What the lane played or would play."""
        cell = self._bars.get((lane, bar))
        return cell.notes() if cell else ()

    def last_fresh(self, lane: int, bar: int) -> int:
        """The last bar before this one for which the lane had a draft that was no insurance; -1 where that is long ago."""
        for earlier in range(bar - 1, bar - 1 - MODEL_BARS_BACK, -1):
            cell = self.get(lane, earlier)
            if cell and any(not draft.insurance and draft.request_id for draft in cell.drafts):
                return earlier
        return -1

    def forget_from(self, bar: int) -> None:
        """The music jumped: forget the plan for bars from here on."""
        for key in [key for key in self._bars if key[1] >= bar]:
            del self._bars[key]

    def forget_before(self, bar: int) -> None:
        """Drop bars too old to matter."""
        if bar <= self._oldest:
            return
        self._oldest = bar
        for key in [key for key in self._bars if key[1] < bar]:
            del self._bars[key]

    def discard(self, lanes: Iterable[int], bar: int) -> bool:
        """Set the tentative plan of a bar aside, for the next take or a new request. True: a take was at hand."""
        cells = [self.at(lane, bar) for lane in lanes]
        cells = [cell for cell in cells if not cell.committed and not cell.fixed]
        at_hand = bool(cells)
        for cell in cells:
            spare = next((draft for draft in cell.spare if draft.complete), None)
            for draft in cell.drafts:
                draft.insurance = True
            if spare is None:
                at_hand = False
            else:
                cell.spare.remove(spare)
                cell.drafts.append(spare)
        return at_hand

    def lock(self, lanes: Iterable[int], bar: int, on: bool) -> bool:
        """Locked bars keep the plan they have. False: there is nothing to lock."""
        cells = [cell for lane in lanes if (cell := self.get(lane, bar)) is not None and (not on or cell.best())]
        for cell in cells:
            cell.locked = on
        return bool(cells)

    def locked(self, lanes: Iterable[int], bar: int) -> frozenset[int]:
        """The lanes whose bar is locked."""
        return frozenset(lane for lane in lanes if (cell := self.get(lane, bar)) is not None and cell.locked)

    def page(self, lanes: Iterable[int], bar: int) -> Page:
        """What is planned for a bar, for `restore`."""
        cells = (self.at(lane, bar) for lane in lanes)
        return tuple(
            (cell, tuple((draft, draft.insurance) for draft in cell.drafts), tuple(cell.spare)) for cell in cells
        )

    def restore(self, page: Page) -> bool:
        """Plan a bar as it was planned before. False: none of it is tentative any more."""
        tentative = [kept for kept in page if self.get(kept[0].lane, kept[0].bar) is kept[0] and not kept[0].committed]
        for cell, drafts, spare in tentative:
            for draft, insurance in drafts:
                draft.insurance = insurance
            cell.drafts, cell.spare = [draft for draft, _ in drafts], list(spare)
        return bool(tentative)

    def pick(self, picks: Mapping[PlanBar, Draft | None]) -> None:
        """The player has chosen these takes; None: the best one. In a bar that has sounded, they count where it is repeated."""
        for cell, draft in picks.items():
            cell.picked = draft

    def add_takes(self, cell: PlanBar, takes: Iterable[Draft]) -> None:
        """Further takes of a bar, to be chosen from beside those that it has."""
        current = cell.picked or cell.chosen or cell.best()
        for take in takes:
            take.group = current.group if current and current.group else take.request_id
            cell.spare.append(take)
        del cell.spare[:-TAKES_KEPT]

    def _last_notes(self, lane: int, bar: int) -> tuple[Note, ...]:
        """Notes of the last bar that the model made, so that variations do not drift. If that is long ago, of the last bar of any kind."""
        recent = [self._bars.get((lane, earlier)) for earlier in range(bar - 1, max(bar - 1 - MODEL_BARS_BACK, -1), -1)]
        sounding = [cell for cell in recent if cell is not None and cell.chosen and cell.chosen.notes]
        made = [cell for cell in sounding if cell.origin != "variation"]
        return next((cell.notes() for cell in [*made, *sounding]), ())


def _ended(note: Note, place: int, tones: frozenset[int]) -> Note:
    """A note that ends at a place of its bar (ticks), unless its pitch class may sound on."""
    if note.pitch % 12 in tones or note.onset_ticks + note.duration_ticks <= place:
        return note
    return replace(note, duration_ticks=place - note.onset_ticks)
