"""The practice view on a canvas: the form with its chords, sections and loop, the parts, and how well the pass went. Pure."""

from __future__ import annotations

from rich.style import Style

from companion.session.api.snapshot import PracticeView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.lanes.draw import Selection
from companion.tui.status.draw import gauge
from companion.tui.wording import percent

PART_ROLES = {"human": "mine", "companion": "fill", "backing": "written", "silent": "silent"}
PARTS_WIDTH = 30
WIDE_PARTS, WIDE_PARTS_FROM = 44, 110
HEAD_ROWS = 4
WIDE_FROM = 96
OFFSET_SPAN_MS = 60.0
Span = tuple[str, Style]


def draw_practice(snapshot: Snapshot | None, selection: Selection, width: int, height: int) -> Canvas:
    """Draw the whole view. Without a song, it says how to load one."""
    canvas = Canvas(width, height)
    practice = snapshot.practice if snapshot else None
    if snapshot is None or practice is None:
        canvas.put(2, 1, "Nothing to practise: start with a song or a chord chart.", palette.BOLD)
        canvas.put(2, 2, "companion practice SONG.mid --me 2        companion practice CHART.txt", palette.DIM)
        canvas.put(2, 4, "tab goes back to the piano roll.", palette.DIM)
        return canvas
    canvas.put_spans(1, 0, *summary_spans(practice))
    canvas.put_spans(1, 1, *accuracy_spans(practice, can_be_judged(snapshot)))
    canvas.put_spans(1, 2, *offset_spans(practice))
    parts_x = width - parts_width(width)
    _draw_form(canvas, practice, parts_x - 2, HEAD_ROWS)
    for y in range(HEAD_ROWS - 1, height):
        canvas.put(parts_x - 1, y, "│", palette.LINE)
    _draw_parts(canvas, snapshot, selection, parts_x + 1, HEAD_ROWS - 1)
    return canvas


def needed_rows(snapshot: Snapshot, width: int) -> int:
    """Return the number of rows that the view fills at this width."""
    if snapshot.practice is None:
        return HEAD_ROWS + 2
    per_row = _bars_per_row(width - parts_width(width) - 2)
    return max(HEAD_ROWS + len(form_rows(snapshot.practice, per_row)), HEAD_ROWS + len(snapshot.lanes)) + 1


def parts_width(width: int) -> int:
    """Return the number of columns of the list of parts."""
    return WIDE_PARTS if width >= WIDE_PARTS_FROM else PARTS_WIDTH


def can_be_judged(snapshot: Snapshot) -> bool:
    """Whether the player could take over a written part. A chart has chords only."""
    return snapshot.practice is not None and any(lane.role == "backing" for lane in snapshot.lanes)


def _bars_per_row(width: int) -> int:
    return 8 if width >= WIDE_FROM else 4


def draw_line(snapshot: Snapshot | None, width: int) -> Canvas:
    """Draw one row for the piano roll view: the song in short, and the current and next chord."""
    canvas = Canvas(width, 1)
    practice = snapshot.practice if snapshot else None
    if practice is None:
        return canvas
    now, after = chords_of(practice, practice.song_bar), chords_of(practice, following_bar(practice))
    x = 1
    if now or after:
        after_spans = (("→ ", palette.DIM), (f"{after or '–'}   ", palette.BOLD))
        x = canvas.put_spans(x, 0, (f"{now or '–'} ", palette.KEY), *after_spans)
    canvas.put_spans(x, 0, *summary_spans(practice))
    share = practice.live_accuracy if practice.live_accuracy is not None else practice.accuracy
    if share is not None:
        canvas.put_right(0, (" accuracy ", palette.DIM), (percent(share) + " ", _share_style(share)))
    return canvas


def summary_spans(practice: PracticeView) -> list[Span]:
    """Return title, bar, pass, tempo, loop, key and turn."""
    loop = f"loop {practice.loop[0] + 1}–{practice.loop[1]}" if practice.loop else "no loop"
    spans: list[Span] = [
        (practice.title, palette.TITLE),
        (f"  bar {practice.song_bar + 1}/{practice.bar_count}", palette.BOLD),
        (f"  pass {practice.pass_number}", palette.BOLD),
        (f"  {practice.tempo_factor * 100:.0f} %", palette.KEY),
        (f"  {loop}", palette.BOLD if practice.loop else palette.DIM),
    ]
    if practice.transpose:
        spans.append((f"  key {practice.transpose:+d}", palette.WARN))
    if practice.turn:
        spans.append((f"  turn: {'you' if practice.turn == 'player' else 'companion'}", palette.GOOD))
    return spans


def accuracy_spans(practice: PracticeView, can_be_judged: bool = True) -> list[Span]:
    """Return the last pass, this pass, and their notes or, before the first pass, what will be compared."""
    if practice.accuracy is None and practice.live_accuracy is None:
        if practice.judged_part:
            return [("what you play is compared with ", palette.DIM), (practice.judged_part, palette.BOLD)]
        if can_be_judged:
            return [("to be judged: choose your part with ↑↓, make it yours with y, and play", palette.DIM)]
        return [("play along: a chart has no written part to compare you with", palette.DIM)]
    spans: list[Span] = []
    for word, share in (("this pass ", practice.live_accuracy), ("last ", practice.accuracy)):
        if share is not None:
            style = _share_style(share)
            spans += [(word, palette.DIM), *gauge(share, 8, style), (f" {percent(share)}  ", style)]
    counts = f"✓{practice.right} ✗{practice.wrong} missed {practice.missed} extra {practice.extra}"
    return [*spans, (counts, palette.PLAIN)]


def offset_spans(practice: PracticeView) -> list[Span]:
    """Return a pointer on a line that shows whether notes are early or late on average."""
    if not practice.right:  # nothing to measure yet in this pass
        return []
    half = 10
    place = round(min(max(practice.mean_offset_ms / OFFSET_SPAN_MS, -1.0), 1.0) * half) + half
    line = ["─"] * (2 * half + 1)
    line[half] = "┼"
    word = "on time" if abs(practice.mean_offset_ms) < 5 else "late" if practice.mean_offset_ms > 0 else "early"
    return [
        ("early ", palette.DIM),
        ("".join(line[:place]), palette.LINE),
        ("◆", palette.KEY),
        ("".join(line[place + 1 :]), palette.LINE),
        (" late   ", palette.DIM),
        (f"{practice.mean_offset_ms:+.0f} ms {word}", palette.BOLD),
    ]


def chords_of(practice: PracticeView, bar: int) -> str:
    """Return the chord symbols of a bar, in order."""
    return " ".join(symbol for where, _, symbol in practice.chords if where == bar)


def following_bar(practice: PracticeView) -> int:
    """Return the song's bar after this one. The last bar of the loop or song leads back to its first."""
    after = practice.song_bar + 1
    if practice.loop and after == practice.loop[1]:
        return practice.loop[0]
    return after if after < practice.bar_count else 0


def section_starts(practice: PracticeView) -> dict[int, str]:
    """Map the first bar of each section to its name."""
    return dict(practice.sections)


def form_rows(practice: PracticeView, per_row: int) -> list[tuple[int, ...]]:
    """Return the bars of each line of the form. A section always begins a line."""
    starts = set(section_starts(practice))
    rows: list[list[int]] = []
    for bar in range(practice.bar_count):
        if not rows or len(rows[-1]) == per_row or bar in starts:
            rows.append([])
        rows[-1].append(bar)
    return [tuple(row) for row in rows]


def _share_style(share: float) -> Style:
    return palette.GOOD if share >= 0.9 else palette.WARN if share >= 0.7 else palette.BAD


def _draw_form(canvas: Canvas, practice: PracticeView, width: int, top: int) -> None:
    per_row = _bars_per_row(width)
    rows = form_rows(practice, per_row)
    section_width = max((len(name) for _, name in practice.sections), default=0)
    section_width = min(max(section_width, 2), 10) + 1
    cell = max((width - section_width - 1) // per_row, 6)
    room = canvas.height - top
    here = next((index for index, row in enumerate(rows) if practice.song_bar in row), 0)
    first = min(max(here - room // 2, 0), max(len(rows) - room, 0))
    names = section_starts(practice)
    for y, row in enumerate(rows[first : first + room], start=top):
        canvas.put(1, y, names.get(row[0], ""), palette.TITLE, limit=section_width)
        for place, bar in enumerate(row):
            x = section_width + 1 + place * cell
            canvas.put(x, y, *_bar_line(practice, bar, ends=place > 0))
            _draw_bar(canvas, practice, bar, x + 1, y, cell - 1)
            if bar == practice.song_bar:  # also visible without colours
                canvas.put(x, y, "▶", palette.KEY)
        canvas.put(section_width + 1 + len(row) * cell, y, *_bar_line(practice, row[-1] + 1, starts=False))


def _bar_line(practice: PracticeView, bar: int, *, starts: bool = True, ends: bool = True) -> Span:
    """Return the line before a bar. It is heavy where the loop starts or ends."""
    if practice.loop and starts and bar == practice.loop[0]:
        return "┣", palette.KEY
    if practice.loop and ends and bar == practice.loop[1]:
        return "┫", palette.KEY
    return "│", palette.LINE


def _draw_bar(canvas: Canvas, practice: PracticeView, bar: int, x: int, y: int, width: int) -> None:
    loop = practice.loop
    inside = loop is None or loop[0] <= bar < loop[1]
    text = f"{bar + 1:<{len(str(practice.bar_count))}} {chords_of(practice, bar)}"
    style = palette.CURRENT if bar == practice.song_bar else palette.PLAIN if inside else palette.LINE
    canvas.put(x, y, text.ljust(width), style, limit=width)


def _draw_parts(canvas: Canvas, snapshot: Snapshot, selection: Selection, x: int, top: int) -> None:
    name_width = canvas.width - x - 13
    canvas.put_spans(x, top, ("part".ljust(name_width - 3), palette.TITLE), ("y mine f fill", palette.DIM))
    room = max(canvas.height - top - 1, 1)
    first = min(max(selection.lane - room // 2, 0), max(len(snapshot.lanes) - room, 0))
    for y, lane in enumerate(snapshot.lanes[first : first + room], start=top + 1):
        chosen = lane.index == selection.lane
        style = palette.SELECTED if chosen else palette.DIM if lane.muted else palette.BOLD
        name = f"{'▸' if chosen else ' '}{lane.index + 1:>2} {lane.name}"
        canvas.put(x, y, name.ljust(name_width), style, limit=name_width)
        role_style = {"human": palette.HUMAN, "companion": palette.PLAYED}.get(lane.role, palette.DIM)
        end = canvas.put(x + name_width + 1, y, f"{PART_ROLES[lane.role]:<8}", role_style)
        flags = ("M" if lane.muted else "·") + ("S" if lane.solo else "·")
        canvas.put(end, y, flags, palette.WARN if lane.muted else palette.GOOD if lane.solo else palette.LINE)
