"""The stage view on a canvas: large letters that are read from a metre away, and buttons. Pure.

From the top: one line of small text; the place, the tempo and whether it is in time; the chords; what comes next and the calls; the
beats; the buttons. A narrow screen (a phone) has the next chord below the present one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.afar import facts
from companion.tui.afar.facts import Fact
from companion.tui.afar.glyphs import POINTS_HIGH, Scale, draw_text, largest, points_wide
from companion.tui.calls.buttons import NARROW_BELOW, Tap, draw_buttons, rows_of_buttons
from companion.tui.canvas import Area, Canvas
from companion.tui.transport.draw import in_time, message_spans
from companion.tui.wording import beat_in_bar, stood_in_for

LOW_BELOW, HIGH_FROM = 15, 40
GAP_POINTS = 4  # between two texts on one band
MARGIN = 1
LEAST_SCALE_HEIGHT = 2  # half rows: five rows
SMALLEST = Scale(1, 1)
ARROW = "→ "
LIGHT_STYLES = {facts.IN_TIME: palette.GOOD, facts.VARIED: palette.WARN, facts.RESTS: palette.BAD}


@dataclass(frozen=True, slots=True)
class Big:
    """One large text of a band, its style, and the small words below it."""

    fact: Fact
    style: Style
    prefix: str = ""

    def texts(self) -> tuple[str, ...]:
        """What may be drawn, the best first."""
        return tuple(self.prefix + text for text in self.fact.texts)


def draw_stage(snapshot: Snapshot | None, health: str, width: int, height: int) -> tuple[Canvas, list[Tap]]:
    """Draw the whole view. Returns it, and where it can be tapped."""
    canvas = Canvas(width, height)
    if snapshot is None:
        canvas.put(1, 0, health or "starting…", palette.BOLD, limit=width - 1)
        return canvas, []
    rows = rows_of_buttons(width, height)
    button_height = 1 if height < LOW_BELOW else 3 if rows == 1 or height >= HIGH_FROM else 2
    buttons_y = height - rows * button_height
    canvas.put_spans(1, 0, *(message_spans(snapshot, health) or _title(snapshot)))
    bands = _bands(snapshot, narrow=width < NARROW_BELOW)
    free = buttons_y - 2  # without the line of text and the beats
    y = 1
    for index, band in enumerate(bands):
        band_height = free // len(bands) + (index < free % len(bands))
        _draw_band(canvas, band, y, band_height)
        y += band_height
    _draw_beats(canvas, snapshot, buttons_y - 1)
    return canvas, draw_buttons(canvas, snapshot, buttons_y, button_height)


def _title(snapshot: Snapshot) -> list[tuple[str, Style]]:
    practice = snapshot.practice
    title = practice.title if practice else snapshot.chords.key and f"in {snapshot.chords.key}"
    spans = [(f"{title}   ", palette.TITLE)] if title else []
    spans.append(in_time(snapshot))
    if host := stood_in_for(snapshot):
        spans.append((f"   without {host}", palette.WARN))
    spans.append((f"   intensity {snapshot.intensity}", palette.DIM))
    if snapshot.recording:
        spans.append(("   REC", palette.BAD))
    return spans


def _bands(snapshot: Snapshot, *, narrow: bool) -> list[list[Big]]:
    transport = snapshot.transport
    goes = transport.state in ("running", "lost")
    place = Big(facts.place(snapshot), palette.TITLE if goes else palette.DIM)
    tempo = Fact((f"{transport.bpm:.0f}",), f"{transport.bpm:.1f} BPM {transport.time_signature}")
    lit = facts.in_time(snapshot)
    light = Big(lit, LIGHT_STYLES.get(lit.texts[0], palette.DIM))
    now = Big(facts.chord_now(snapshot), palette.KEY)
    following = Big(facts.chord_next(snapshot), palette.PLAIN, ARROW)
    section = facts.next_section(snapshot)
    last = [Big(section if section.shown else facts.otherwise(snapshot), palette.GOOD)]
    last.append(Big(facts.calls(snapshot), palette.WARN))
    chords = [[now], [following]] if narrow else [[now, following]]
    return [[place, Big(tempo, palette.BOLD), light], *chords, last]


def _draw_band(canvas: Canvas, band: Sequence[Big], y: int, height: int) -> None:
    """Draw texts side by side, as large as they fit, with their words below: the first at the left, the last at the right."""
    shown = [big for big in band if big.fact.shown]
    if not shown or height < 1:
        return
    columns, rows = canvas.width - 2 * MARGIN, height - 1
    sized = _sized([big.texts() for big in shown], columns, rows)
    words = _fitting([big.fact.words for big in shown], columns)
    if sized is None:
        _draw_small(canvas, shown, y)
        return
    widths = [scale.columns(points_wide(text)) for text, scale in sized]
    gap = (columns - sum(widths)) // max(len(shown) - 1, 1)
    highest = max(scale.rows for _, scale in sized)
    top = y + (rows - highest) // 2
    x, words_end = MARGIN, MARGIN - 2
    for index, (big, (text, scale), wide) in enumerate(zip(shown, sized, widths, strict=True)):
        is_last = index == len(shown) - 1 and index > 0
        x = canvas.width - MARGIN - wide if is_last else x
        for row, line in enumerate(draw_text(text, scale)):
            canvas.put(x, top + highest - scale.rows + row, line, big.style)
        rest = sum(len(each) + 2 for each in words[index + 1 :])
        at = canvas.width - MARGIN - len(words[index]) if is_last else min(x, canvas.width - rest - len(words[index]))
        words_end = canvas.put(max(at, words_end + 2), top + highest, words[index], palette.DIM)
        x += wide + gap


def _sized(options: Sequence[tuple[str, ...]], columns: int, rows: int) -> list[tuple[str, Scale]] | None:
    """Each text in the longest wording with which all of them fit at five rows or more (or as many as there are), and its scale.

    If no wording fits, the first texts stay large and the later ones become small. None if even that does not fit.
    """
    least = max(min(LEAST_SCALE_HEIGHT, 2 * rows // POINTS_HIGH), 1)
    for step in range(max(len(texts) for texts in options)):
        texts = [each[min(step, len(each) - 1)] for each in options]
        points = sum(points_wide(text) for text in texts) + GAP_POINTS * (len(texts) - 1)
        scale = largest(points, columns, rows)
        if scale is not None and scale.height >= least:
            return [(text, scale) for text in texts]
    texts = [each[-1] for each in options]
    sized: list[tuple[str, Scale]] = []
    for index, text in enumerate(texts):
        later = sum(SMALLEST.columns(points_wide(other) + GAP_POINTS) for other in texts[index + 1 :])
        scale = largest(points_wide(text), columns - later, rows)
        if scale is None:
            return None
        sized.append((text, scale))
        columns -= scale.columns(points_wide(text) + GAP_POINTS)
    return sized


def _fitting(words: list[str], columns: int) -> list[str]:
    """The words below a band, cut piece by piece from the longest until all of them fit."""
    words = list(words)
    while sum(len(each) + 2 for each in words) - 2 > columns:
        longest = max(range(len(words)), key=lambda at: len(words[at]))
        words[longest] = words[longest].rpartition(" · ")[0]
    return words


def _draw_small(canvas: Canvas, shown: Sequence[Big], y: int) -> None:
    x = MARGIN
    for big in shown:
        x = canvas.put(x, y, big.texts()[0], big.style) + 2


def _draw_beats(canvas: Canvas, snapshot: Snapshot, y: int) -> None:
    """One block for each beat; the present one is full."""
    transport = snapshot.transport
    count = transport.time_signature.numerator
    goes = transport.state in ("running", "lost") or transport.counting_in
    now = beat_in_bar(transport) if goes else -1
    for beat in range(count):
        left, right = beat * canvas.width // count, (beat + 1) * canvas.width // count
        style = palette.LINE if beat != now else palette.WARN if beat == 0 else palette.BOLD
        canvas.fill(Area(left, y, max(right - left - 1, 1), 1), "█" if beat == now else "▁", style)
