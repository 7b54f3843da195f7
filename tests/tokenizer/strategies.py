"""Random music for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from companion.music import Bar, Note, Score, Track
from tests import golden

METERS = golden.config("yellow").time_signatures


@st.composite
def scores(draw, resolution=None, meters=METERS, bar_count=4):
    """A window of random music; `resolution` None draws one."""
    resolution = resolution or draw(st.sampled_from((12, 24, 96, 220, 480, 960, 1920)))
    bar_meters = [draw(st.sampled_from(meters)) for _ in range(bar_count)]

    def bar(meter):
        note = st.builds(
            Note,
            st.integers(0, max(meter.bar_ticks(resolution) - 1, 0)),
            st.integers(1, 12 * resolution),
            st.integers(0, 127),
            st.integers(1, 127),
            st.integers(-resolution // 2, resolution // 2),
        )
        notes = draw(st.lists(note, max_size=8))
        return Bar(tuple(sorted(notes, key=lambda n: n.onset_ticks)), meter)

    tracks = tuple(
        Track(tuple(bar(meter) for meter in bar_meters), draw(st.integers(0, 127)), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 4)))
    )
    return Score(tracks, resolution)
