"""A chart as a song to practise with."""

from __future__ import annotations

from companion.charts.chart import Chart
from companion.charts.comping import RESOLUTION, comping_track
from companion.music import Score
from companion.music.units import bpm_to_tempo
from companion.session.api.settings import Song


def chart_to_song(chart: Chart) -> Song:
    """The chart as a song of one track, the comping, that the model sees and the player may hear."""
    score = Score((comping_track(chart),), RESOLUTION, bpm_to_tempo(chart.tempo))
    return Song(score, chart.title, chart.tempo_changes, chart.sections, chart.chord_marks)
