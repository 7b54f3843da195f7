"""The state of generation, as a screen shows it."""

from __future__ import annotations

from typing import Literal

from companion.session.api.snapshot import GenerationView
from companion.session.output.decisions import Decisions
from companion.session.requests.answers import fresh_share
from companion.session.requests.engine import Engine
from companion.session.requests.requests import Requests
from companion.session.requests.sizing.coming_size import ComingSize
from companion.session.requests.sizing.sizes import Sizes


class GenerationViews:
    """Reads the parts that deal with the engine."""

    def __init__(
        self, engine: Engine, sizes: Sizes, coming: ComingSize, requests: Requests, decisions: Decisions
    ) -> None:
        self._engine, self._sizes, self._coming = engine, sizes, coming
        self._requests, self._decisions = requests, decisions

    def view(self, late_notes_dropped: int) -> GenerationView:
        """The view now."""
        decisions, size = self._decisions, self._coming.size
        bars, fresh = fresh_share(decisions.bars_by_step, decisions.bars_with_late_notes)
        p50, p99, first_note, last = self._sizes.deadlines.percentiles()
        return GenerationView(
            state=self._state(),
            bars=bars,
            bars_fresh=fresh,
            bars_by_step=dict(decisions.bars_by_step),
            p50_seconds=p50,
            p99_seconds=p99,
            first_note_p50_seconds=first_note,
            last_seconds=last,
            lead_seconds=self._sizes.lead(size) if size else 0.0,
            model_dim=size.model_dim if size else self._engine.model.model_dim,
            mask_mode=self._engine.mask_mode,
            late_notes_dropped=late_notes_dropped,
            advice=size.advice if size else "",
            why_this_size=self._sizes.why,
        )

    def _state(self) -> Literal["loading", "idle", "prefilling", "generating"]:
        if self._engine.checkpoint is None:
            return "loading"
        if self._requests.in_flight is not None:
            return "generating"
        return "prefilling" if self._requests.prefilling else "idle"
