"""The lanes on a canvas: labels, bar lines, origin marks, notes, and the playhead over all of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.style import Style

from companion.music import TimeSignature
from companion.music.instruments import program_name
from companion.music.units import RESOLUTION, pitch_name
from companion.session.api.snapshot import BarView, LaneView, Snapshot
from companion.tui import palette
from companion.tui.calls.draw import mark_of
from companion.tui.canvas import Area, Canvas
from companion.tui.lanes.chords import draw_chord_line, has_chords
from companion.tui.lanes.grid import RULER_ROWS, BarGrid, LaneRows, bar_grid, lane_rows
from companion.tui.lanes.roll import BEAT_DOT, PitchScale, bar_rows, pitch_scale
from companion.tui.lanes.zones import zone_words
from companion.tui.wording import ROLE_WORDS, bar_label

VOICES = (*map(str, range(1, 10)), "10+")  # levels of the polyphony attributes
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
NO_KEY = 24  # level of key_signature for music without one
LENGTHS = ("1/32", "1/16", "1/8", "1/4", "1/2", "1/1")  # levels of the duration attributes
PLAYHEAD_CHARS = {" ": "┃", BEAT_DOT: "┃", "╱": "┃", "─": "┼", "│": "┃"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the keys act on. bar: None = the next bar, whichever that is."""

    lane: int = 0
    bar: int | None = None


@dataclass(slots=True)
class LanesPainter:
    """Draws lanes; remembers pitch scales (so that lanes do not jump) and the last picture without its playhead."""

    scales: dict[int, PitchScale] = field(default_factory=dict)
    _key: object = None
    _base: Canvas | None = None
    grid: BarGrid | None = None
    rows: tuple[LaneRows, ...] = ()

    def draw(self, snapshot: Snapshot, selection: Selection, width: int, height: int) -> Canvas:
        """The whole picture; cheap when only the playhead has moved."""
        grid = bar_grid(snapshot, width)
        key = (
            width,
            height,
            grid,
            selection,
            snapshot.lanes,
            snapshot.bars,
            snapshot.transport.time_signature,
            snapshot.transport.bar,
            snapshot.chords,
            snapshot.zones,
        )
        if self._base is None or key != self._key:
            self._key, self.grid = key, grid
            self.rows = tuple(lane_rows(len(snapshot.lanes), height, selection.lane, self._top(snapshot)))
            self._base = self._draw_base(snapshot, selection, Canvas(width, height), grid)
        canvas = self._base.copy()
        _draw_playhead(canvas, snapshot, grid, self.rows)
        return canvas

    @staticmethod
    def _top(snapshot: Snapshot) -> int:
        """The first row of the lanes, under the ruler and the chord line."""
        return RULER_ROWS + has_chords(snapshot)

    def _draw_base(self, snapshot: Snapshot, selection: Selection, canvas: Canvas, grid: BarGrid) -> Canvas:
        _draw_ruler(canvas, snapshot, selection, grid)
        if has_chords(snapshot):
            beats = {place.bar: float(place.time_signature.beats) for place in snapshot.bars}
            draw_chord_line(canvas, snapshot, grid, RULER_ROWS, beats)
        for rows in self.rows:
            lane = snapshot.lanes[rows.index]
            pitches = [note.pitch for bar in lane.bars if grid.shows(bar.bar) for note in bar.notes]
            scale = pitch_scale(pitches, lane.is_drum, self.scales.get(lane.index))
            self.scales[lane.index] = scale
            _draw_lane(canvas, lane, rows, grid, scale, snapshot, selected=rows.index == selection.lane)
        hidden = len(snapshot.lanes) - len(self.rows)
        if hidden > 0 and self.rows:
            canvas.put(0, 0, f"{hidden} more ↕", palette.WARN, limit=grid.label)
        return canvas


def _draw_ruler(canvas: Canvas, snapshot: Snapshot, selection: Selection, grid: BarGrid) -> None:
    now = snapshot.transport.bar
    target = now + 1 if selection.bar is None else selection.bar
    before = meter_of(snapshot, grid.first - 1)
    for bar in range(grid.first, grid.first + grid.count):
        x = grid.bar_x(bar)
        canvas.put(x, 0, "┌" + "─" * grid.content, palette.LINE)
        style = palette.CURRENT if bar == now else palette.BOLD if bar > now else palette.DIM
        end = canvas.put(x + 1, 0, f" {bar_label(snapshot, bar)} ", style)
        meter = meter_of(snapshot, bar)
        if meter != before:
            end = canvas.put(end, 0, f"{meter} ", palette.WARN)
        before = meter
        if mark := mark_of(snapshot, bar):
            end = canvas.put(end, 0, f"{mark} "[: max(0, x + grid.bar_width - end)], palette.TITLE)
        if bar == target:
            word = "next" if bar == now + 1 else "chosen"
            canvas.put(
                end,
                0,
                f"◂{word}"[: x + grid.bar_width - end],
                palette.KEY if selection.bar is not None else palette.DIM,
            )


def meter_of(snapshot: Snapshot, bar: int) -> TimeSignature:
    """A bar's own meter; the present one where it is not known."""
    return next(
        (place.time_signature for place in snapshot.bars if place.bar == bar), snapshot.transport.time_signature
    )


def _draw_lane(
    canvas: Canvas,
    lane: LaneView,
    rows: LaneRows,
    grid: BarGrid,
    scale: PitchScale,
    snapshot: Snapshot,
    *,
    selected: bool,
) -> None:
    bars = {bar.bar: bar for bar in lane.bars}
    head = 1 if rows.height > 2 else 0  # two rows leave no room for a separate line
    for bar in range(grid.first, grid.first + grid.count):
        view = bars.get(bar, BarView(bar, "empty"))
        body = Area(grid.bar_x(bar) + 1, rows.y + head, grid.content, rows.height - head)
        meter = meter_of(snapshot, bar)
        _draw_beats(canvas, body, float(meter.beats), meter.denominator)
        style = note_style(lane, view)
        drawn = bar_rows(view.notes, view.state, scale, body.width, body.height, meter.bar_ticks(RESOLUTION))
        for offset, text in enumerate(drawn):
            _overlay(canvas, body.x, body.y + offset, text, style)
        for y in range(rows.y + head, rows.y + rows.height):
            canvas.put(body.x - 1, y, "│", palette.LINE)
        _draw_head(canvas, lane, view, body.x - 1, rows.y, body.width + 1, rule=bool(head))
    shown_scale = scale if any(bar.notes for bar in lane.bars) else None
    _draw_label(canvas, lane, rows, grid, shown_scale, zone_words(snapshot, lane), selected=selected)


def note_style(lane: LaneView, view: BarView) -> Style:
    """The colour of a bar's notes; muted lanes are all grey."""
    if lane.muted or lane.role == "silent":
        return palette.DIM
    if view.state == "hidden":
        return palette.HIDDEN
    if lane.role == "human":
        return palette.HUMAN
    if view.state == "committed":
        return palette.COMMITTED
    if view.state == "tentative":
        return palette.TENTATIVE
    return palette.WRITTEN if view.origin == "written" else palette.PLAYED


def _overlay(canvas: Canvas, x: int, y: int, text: str, style: Style) -> None:
    """Write the characters that are not blank and leave the others."""
    for column, char in enumerate(text):
        if char != " ":
            canvas.put(x + column, y, char, style)


def _draw_beats(canvas: Canvas, body: Area, beats: float, denominator: int) -> None:
    """A faint dot in the middle row for every beat after the first."""
    unit = 4 / denominator
    beat = unit
    while beat < beats - 1e-9:
        canvas.put(body.x + int(beat / beats * body.width), body.y + body.height // 2, BEAT_DOT, palette.LINE)
        beat += unit


def _draw_head(canvas: Canvas, lane: LaneView, view: BarView, x: int, y: int, width: int, *, rule: bool) -> None:
    """The line above a bar: where its notes come from, which take they are, whether it is locked or was rewritten."""
    if rule:
        canvas.put(x, y, "├" + "─" * (width - 1), palette.LINE)
    pieces = [piece for piece in _head_pieces(lane, view) if piece[0]]
    spans: list[tuple[str, Style]] = []
    for wordy in (2, 1, 0) if rule else (0,):  # drop words until it fits
        spans = [(words if wordy > level else short, style) for short, words, level, style in pieces]
        if sum(len(text) + 1 for text, _ in spans) <= width - 1:
            break
    for text, style in spans:
        x = canvas.put(x + 1, y, text, style)


def _head_pieces(lane: LaneView, view: BarView) -> list[tuple[str, str, int, Style]]:
    """(short, in words, the rank by which the words are dropped, style) of each thing that is said of a bar."""
    pieces: list[tuple[str, str, int, Style]] = []
    if lane.role != "human":
        mark = palette.ORIGIN_MARKS.get(view.origin, "")
        pieces.append(
            (mark, f"{mark} {view.origin}" if mark else "", 0, palette.ORIGIN_STYLES.get(view.origin, palette.DIM))
        )
    if view.take is not None:
        number, count = view.take
        short = f"{number}/{count}"
        pieces.append((short, f"take {short}", 0, palette.KEY if number > 1 else palette.DIM))
    if view.locked:
        pieces.append((palette.LOCK_MARK, f"{palette.LOCK_MARK} locked", 1, palette.KEY))
    if view.rewritten_from is not None:
        pieces.append((palette.REWRITTEN_MARK, f"{palette.REWRITTEN_MARK} rewritten", 1, palette.KEY))
    return pieces


def _draw_label(
    canvas: Canvas,
    lane: LaneView,
    rows: LaneRows,
    grid: BarGrid,
    scale: PitchScale | None,
    zones: str,
    *,
    selected: bool,
) -> None:
    width = grid.label - 1
    name = f"{'▸' if selected else ' '}{lane.index + 1} {lane.name}"
    style = palette.SELECTED if selected else palette.DIM if lane.muted else palette.BOLD
    canvas.put(0, rows.y, " " * width, palette.PLAIN)
    canvas.put(0, rows.y, name, style, limit=width)
    lines = [_flags(lane, zones), [(_instrument(lane), palette.DIM)], [(_range(lane, scale), palette.DIM)]]
    for offset, spans in enumerate(lines[: rows.height - 1], start=1):
        x = 2
        for text, span_style in spans:
            x = canvas.put(x, rows.y + offset, text, span_style, limit=max(width - x, 0))


def _flags(lane: LaneView, zones: str) -> list[tuple[str, Style]]:
    spans: list[tuple[str, Style]] = []
    if lane.muted:
        spans.append(("MUTE ", palette.WARN))
    if lane.solo:
        spans.append(("SOLO ", palette.GOOD))
    if lane.sounding:
        return [*spans, ("♪" + " ".join(pitch_name(pitch) for pitch in lane.sounding[:4]), palette.BOLD)]
    return spans or [(zones, palette.KEY) if zones else (ROLE_WORDS[lane.role], palette.DIM)]


def _instrument(lane: LaneView) -> str:
    channel = "any" if lane.channel is None else f"ch{lane.channel + 1}"
    return f"{channel} {program_name(lane.program, lane.is_drum)}"


def _range(lane: LaneView, scale: PitchScale | None) -> str:
    if lane.attributes:
        return attribute_summary(lane.attributes)
    return "" if lane.is_drum or scale is None else f"{pitch_name(scale.low)}–{pitch_name(scale.high)}"


def attribute_summary(attributes: Mapping[str, int]) -> str:
    """The controls that are set, short: "dens 4", "1–3 voices", "≤1/8" (durations)."""
    parts = []
    if "note_density" in attributes:
        parts.append(f"dens {attributes['note_density'] + 1}")
    if voices := _span_words(attributes, "polyphony", VOICES):
        parts.append(f"{voices} voice{'' if voices in ('1', '≤1') else 's'}")
    if lengths := _span_words(attributes, "note_duration", LENGTHS):
        parts.append(lengths)
    if "bar_note_density" in attributes:
        parts.append(f"dens {attributes['bar_note_density'] + 1}")
    if voices := _span_words(attributes, "polyphony", VOICES, "bar_"):
        parts.append(f"{voices} voice{'' if voices in ('1', '≤1') else 's'} a bar")
    if (key := attributes.get("key_signature", NO_KEY)) < NO_KEY:
        parts.append(KEYS[key % 12] + ("m" if key >= 12 else ""))
    if "pitch_range" in attributes:
        parts.append(f"range {attributes['pitch_range']}")
    if "silence_proportion" in attributes:
        parts.append(f"{10 * attributes['silence_proportion']} % silent")
    return " ".join(parts)


def _span_words(attributes: Mapping[str, int], kind: str, names: tuple[str, ...], of: str = "") -> str:
    """ "2–4", "2", "≥2", "≤4", or "" where neither end is set."""
    low, high = (
        None if level is None else names[min(max(level, 0), len(names) - 1)]
        for level in (attributes.get(f"{of}min_{kind}"), attributes.get(f"{of}max_{kind}"))
    )
    if low is None or high is None:
        return f"≥{low}" if low else f"≤{high}" if high else ""
    return low if low == high else f"{low}–{high}"


def _mark_sounded(canvas: Canvas, lane: LaneRows, start: int, end: int) -> None:
    """Colour the notes that the playhead has passed as played. Their shape stays until the bar is over."""
    for y in range(lane.y, lane.y + lane.height):
        styles = canvas.styles[y]
        for x in range(start, end):
            if styles[x] is palette.COMMITTED:
                styles[x] = palette.PLAYED


def _draw_playhead(canvas: Canvas, snapshot: Snapshot, grid: BarGrid, rows: tuple[LaneRows, ...]) -> None:
    transport = snapshot.transport
    column = grid.column(transport.bar, transport.beat, float(transport.time_signature.beats))
    if column is None or column >= canvas.width or not rows:
        return
    moving = transport.state in ("running", "lost")
    if canvas.chars[0][column] in "─ ":
        canvas.put(column, 0, "▼", palette.PLAYHEAD if moving else palette.DIM)
    start = grid.bar_x(transport.bar) + 1
    for lane in rows:
        _mark_sounded(canvas, lane, start, column)
        head = lane.y if lane.height > 2 else -1
        for y in range(lane.y, lane.y + lane.height):
            char = canvas.chars[y][column]
            if y == head and char != "─":
                continue  # the words above a bar stay readable
            if char in PLAYHEAD_CHARS:
                canvas.put(column, y, PLAYHEAD_CHARS[char], palette.PLAYHEAD if moving else palette.DIM)
            elif moving:
                canvas.restyle(column, y, palette.PLAYHEAD_NOTE)
