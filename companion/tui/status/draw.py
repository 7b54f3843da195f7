"""The status area on a canvas, as a strip below the lanes or a column beside them. Pure."""

from __future__ import annotations

import textwrap

from rich.style import Style

from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.transport.draw import FAIR_SHARE, GOOD_SHARE, share_in_time
from companion.tui.wording import milliseconds, percent, port_label, stood_in_for

STRIP_ROWS = 3
COLUMN_WIDTH = 38
METER = 12
TALL_COLUMN = 24
Span = tuple[str, Style]
Lines = tuple[Span, ...]
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_QUIET = (
    "notes_in",
    "notes_out",
    "bars",
    "late_notes_dropped",
    "requests",
    "insurances",
    "stale_answers",
    "bars_asked_elsewhere",
)  # counters that are shown elsewhere or have their own line


def draw_strip(snapshot: Snapshot | None, width: int, height: int, said: Lines = ()) -> Canvas:
    """Draw three rows for small terminals. said: recent notices of the performance, newest first."""
    canvas = Canvas(width, height)
    if snapshot is not None:
        x = canvas.put_spans(0, 0, *meter_spans(snapshot), (" ", palette.PLAIN), *ladder_spans(snapshot))
        canvas.put_spans(x + 1, 0, *timing_spans(snapshot))
        x = canvas.put_spans(0, 1, *model_spans(snapshot), ("  ", palette.PLAIN))
        canvas.put_spans(x, 1, *fitted_ports(snapshot, width - x))
    trouble = trouble_spans(snapshot) if snapshot is not None else []
    room = width - (sum(len(text) + 1 for text, _ in said[:1]) if said and said[0][1] is not palette.DIM else 0)
    x = 0
    for text, style in trouble:  # news goes before counters
        if x + len(text) <= room:
            x = canvas.put(x, 2, text, style)
    if said:
        canvas.put(x + (x > 0), 2, *said[0], limit=max(width - x - (x > 0), 0))
    return canvas


def draw_column(snapshot: Snapshot | None, width: int, height: int, said: Lines = ()) -> Canvas:
    """Draw a column with headings for large terminals. said: recent notices of the performance, newest first."""
    canvas = Canvas(width, height)
    if snapshot is None:
        return canvas
    for y in range(height):
        canvas.put(0, y, "│", palette.LINE)
    y = 0
    for title, rows in _sections(snapshot, width - 2, said):
        if y + 1 >= height:
            break
        canvas.put(2, y, title, palette.TITLE)
        for offset, spans in enumerate(rows, start=1):
            canvas.put_spans(2, y + offset, *spans)
        y += len(rows) + (2 if height > TALL_COLUMN else 1)
    return canvas


def _sections(snapshot: Snapshot, width: int, said: Lines) -> list[tuple[str, list[list[Span]]]]:
    counters = snapshot.counters
    traffic: list[Span] = [(f"{counters.get('notes_in', 0)} in  {counters.get('notes_out', 0)} out", palette.PLAIN)]
    trouble = trouble_spans(snapshot)
    notices = [[(line, style)] for text, style in said[:4] for line in wrap(text, width)]
    return [
        ("In time", [meter_spans(snapshot, width - 18), ladder_spans(snapshot)]),
        ("Engine", _engine_rows(snapshot)),
        ("Model", _model_rows(snapshot)),
        ("Ports", _port_rows(snapshot, width)),
        ("Notes", [traffic, *([span] for span in trouble)]),
        ("Notices", notices or [[("none", palette.DIM)]]),
    ]


def _engine_rows(snapshot: Snapshot) -> list[list[Span]]:
    generation = snapshot.generation
    rows: list[list[Span]] = [
        [("state  ", palette.DIM), (generation.state, palette.BOLD)],
        [
            ("a bar  ", palette.DIM),
            (f"p50 {milliseconds(generation.p50_seconds)}  p99 {milliseconds(generation.p99_seconds)}", palette.PLAIN),
        ],
        [
            ("lead   ", palette.DIM),
            (milliseconds(generation.lead_seconds), palette.PLAIN),
            (f"  first note {milliseconds(generation.first_note_p50_seconds)}", palette.DIM),
        ],
    ]
    if generation.advice:
        rows += [[(line, palette.WARN)] for line in wrap(generation.advice, COLUMN_WIDTH - 2)]
    return rows


def _model_rows(snapshot: Snapshot) -> list[list[Span]]:
    generation, sampling = snapshot.generation, snapshot.model.sampling
    info = snapshot.checkpoint
    name = f"{info.name} · {info.engine}" if info else f"{snapshot.model.checkpoint} · loading"
    reason, host = generation.why_this_size, stood_in_for(snapshot)
    return [
        [(name, palette.BOLD)],
        *([(line, palette.WARN)] for line in (wrap(f"stands in for {host}", COLUMN_WIDTH - 2) if host else ())),
        *([(line, palette.DIM)] for line in (wrap(reason, COLUMN_WIDTH - 2) if reason else ())),
        [(f"{generation.model_dim or '–'} bars · {generation.mask_mode or snapshot.model.mask_mode}", palette.PLAIN)],
        [(f"temperature {sampling.temperature:.2f}  top-p {sampling.top_p:.2f}", palette.PLAIN)],
        [(f"seed {snapshot.seed}" + (f"  waits {snapshot.wait_bars} bars" if snapshot.wait_bars else ""), palette.DIM)],
    ]


def _port_rows(snapshot: Snapshot, width: int) -> list[list[Span]]:
    spans = port_spans(snapshot, width - 8)
    return [spans[start : start + 3] for start in range(0, len(spans), 3)] or [[("none", palette.DIM)]]


def wrap(text: str, width: int) -> list[str]:
    """Break a notice into lines that fit."""
    return textwrap.wrap(text, max(width, 8)) or [""]


def meter_spans(snapshot: Snapshot, width: int = METER) -> list[Span]:
    """Return the share of bars in time as a gauge and a number."""
    known = share_in_time(snapshot)
    share = known or 0.0
    style = palette.GOOD if share >= GOOD_SHARE else palette.WARN if share >= FAIR_SHARE else palette.BAD
    text = "–" if known is None else percent(share)
    return [("in time ", palette.DIM), *gauge(share, width, style), (f" {text}", style)]


def gauge(share: float, width: int, style: Style) -> list[Span]:
    """Return a horizontal gauge with a resolution of an eighth of a cell. share is clamped to 0..1."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[part] if part else "")
    return [("▕", palette.LINE), (bar.ljust(width), style), ("▏", palette.LINE)]


def ladder_spans(snapshot: Snapshot) -> list[Span]:
    """Return how many bars came from each step of the ladder."""
    counts = snapshot.generation.bars_by_step
    spans: list[Span] = []
    for step in palette.LADDER_STEPS:
        if counts.get(step) or step in ("fresh", "older", "variation", "rest"):
            spans.append((f"{palette.ORIGIN_MARKS[step]}{counts.get(step, 0)} ", palette.ORIGIN_STYLES[step]))
    return spans


def timing_spans(snapshot: Snapshot) -> list[Span]:
    """Return the generation times in short."""
    generation = snapshot.generation
    if not generation.p99_seconds:
        return [(generation.state, palette.DIM)]
    times = f"gen {generation.p50_seconds * 1000:.0f}/{generation.p99_seconds * 1000:.0f} ms"
    return [(times, palette.PLAIN), (f" lead {milliseconds(generation.lead_seconds)}", palette.DIM)]


def model_spans(snapshot: Snapshot) -> list[Span]:
    """Return checkpoint, engine, window, mask mode and sampling."""
    generation, sampling = snapshot.generation, snapshot.model.sampling
    name, engine = (
        (snapshot.checkpoint.name, snapshot.checkpoint.engine)
        if snapshot.checkpoint
        else (snapshot.model.checkpoint, "…")
    )
    window = f"{generation.model_dim} bars " if generation.model_dim else ""
    host = stood_in_for(snapshot)
    return [
        (name, palette.BOLD),
        (f" stands in for {host} " if host else "", palette.WARN),
        (f"·{engine} {window}{generation.mask_mode or snapshot.model.mask_mode} ", palette.DIM),
        (f"T{sampling.temperature:.2f} p{sampling.top_p:.2f}", palette.PLAIN),
    ]


def fitted_ports(snapshot: Snapshot, width: int) -> list[Span]:
    """Return the ports in one line, with names as long as there is room for."""
    for name_width in range(width, 3, -1):
        if sum(len(text) for text, _ in port_spans(snapshot, name_width)) - 2 <= width:
            return port_spans(snapshot, name_width)
    return port_spans(snapshot, 4)


def port_spans(snapshot: Snapshot, name_width: int) -> list[Span]:
    """Return the ports with a mark for connected or lost, and names of at most this many columns."""
    spans: list[Span] = []
    for key, connected in snapshot.ports.items():
        direction = key.partition(":")[0] if ":" in key else ""
        name = port_label(key).removesuffix(f":{direction}")  # our own: "companion in:in"
        mark, style = ("●", palette.GOOD) if connected else ("✗ lost", palette.BAD)
        named = direction not in ("in", "out") or name.endswith(f" {direction}")
        spans += [("" if named else f"{direction} ", palette.DIM), (mark, style)]
        shown = name if len(name) <= name_width else f"{name[: name_width - 1]}…" if name_width else ""
        spans.append((f" {shown}  ", palette.PLAIN))
    return spans


def trouble_spans(snapshot: Snapshot) -> list[Span]:
    """Return the counters that should be zero but are not."""
    spans: list[Span] = []
    if snapshot.generation.late_notes_dropped:
        spans.append((f"late notes {snapshot.generation.late_notes_dropped} ", palette.WARN))
    for name, count in snapshot.counters.items():
        if count and name not in _QUIET and not name.startswith("messages_"):
            spans.append(
                (f"{name.replace('_', ' ')} {count} ", palette.BAD if name == "hanging_notes" else palette.WARN)
            )
    return spans
