"""The transport on a canvas: position, tempo, clock, what comes next, and whether it is in time. Pure."""

from __future__ import annotations

from rich.style import Style

from companion.session.api.settings import SHARED_CLOCKS
from companion.session.api.snapshot import BarView, LaneView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.digits import big_text
from companion.tui.wording import action_words, bar_and_beat, bar_label, beat_in_bar, input_names, percent

BIG_ROWS, SMALL_ROWS = 5, 2
GOOD_SHARE, FAIR_SHARE = 0.98, 0.9
Span = tuple[str, Style]

_STATES: dict[str, Span] = {
    "stopped": ("■ stopped", palette.DIM),
    "armed": ("◇ armed", palette.WARN),
    "running": ("▶ running", palette.GOOD),
    "lost": ("! clock lost", palette.BAD),
}


def draw_transport(snapshot: Snapshot | None, health: str, width: int, height: int) -> Canvas:
    """Draw the transport. health: what is wrong with the performance itself ("" if nothing is); it goes before everything else."""
    canvas = Canvas(width, height)
    if snapshot is None:
        canvas.put(1, 0, "companion", palette.TITLE)
        canvas.put(1, 1, health or "starting…", palette.BOLD, limit=width - 1)
        return canvas
    if height >= BIG_ROWS:
        _draw_big(canvas, snapshot)
    else:
        _draw_small(canvas, snapshot)
    row = BIG_ROWS - 2 if height >= BIG_ROWS else 1
    canvas.put_spans(1, row, *(message_spans(snapshot, health) or next_spans(snapshot, width - 1)))
    return canvas


def message_spans(snapshot: Snapshot, health: str = "") -> list[Span]:
    """Return what the player must know before anything else, or nothing."""
    transport, generation = snapshot.transport, snapshot.generation
    if health:
        return [("! ", palette.BAD), (health, palette.BAD)]
    if snapshot.learning:
        controls = (
            "turn a knob, pedal or wheel" if snapshot.learning.startswith("dial:") else "move a pedal, button or key"
        )
        return [
            (f"{controls} for: {action_words(snapshot.learning)}", palette.KEY),
            ("   (esc gives up)", palette.DIM),
        ]
    if transport.counting_in:
        return [("count-in ", palette.WARN), *_lamps(snapshot)]
    if transport.state == "lost":
        name = SHARED_CLOCKS.get(transport.source, "MIDI clock")
        return [(f"{name} lost — going on alone at {transport.bpm:.1f} BPM", palette.BAD)]
    if transport.state == "armed":
        return [("armed — starts with the next clock tick", palette.WARN)]
    if transport.state == "stopped":
        loading = generation.state in ("loading", "no engine")
        intro = f" with an intro of {snapshot.intro_bars} bars" if snapshot.intro_bars else ""
        spans: list[Span] = [("   loading checkpoint…", palette.WARN)] if loading else []
        if (name := SHARED_CLOCKS.get(transport.source)) is not None:
            return [
                (f"waiting for {name}", palette.BOLD),
                (" — press ", palette.DIM),
                *_space("to start everybody"),
                *spans,
            ]
        if transport.source == "external":
            waiting = f"waiting for MIDI clock on {input_names(snapshot)}"
            return [(waiting, palette.BOLD), (" — press ", palette.DIM), *_space("for the internal clock"), *spans]
        return [("stopped — press ", palette.DIM), *_space(f"to start{intro}"), *spans]
    if snapshot.entry_bar > transport.bar + 1:
        bars = snapshot.entry_bar - transport.bar
        return [(f"listening — the companion comes in after {bars} more bar{'s' * (bars != 1)}", palette.TITLE)]
    if generation.state in ("no engine", "loading"):
        return [("no engine yet, it is being loaded; until then the last bars are varied", palette.BAD)]
    return []


def _space(purpose: str) -> list[Span]:
    return [("space", palette.KEY), (f" {purpose}", palette.DIM)]


def next_spans(snapshot: Snapshot, width: int = 10_000) -> list[Span]:
    """Return what each of our parts will do in the next bar, as marks without words if there is no room for words."""
    upcoming = snapshot.transport.bar + 1
    head: list[Span] = [(f"next {bar_label(snapshot, upcoming)}: ", palette.DIM)]
    if snapshot.turn:
        head.insert(0, ("your turn   " if snapshot.turn == "player" else "its turn   ", palette.TITLE))
    ours = [lane for lane in snapshot.lanes if lane.role == "companion"]
    if not ours:
        return [*head, ("no part of ours", palette.DIM)]
    nexts = [
        (lane.name, next_of(lane, upcoming, snapshot.generation.state, snapshot.kept_bar is not None)) for lane in ours
    ]
    for longest in (24, 12, 6):
        spans = list(head)
        for name, ((text, style), *_) in nexts:
            shown = text if longest > 6 else text[:1]
            spans += [(name[:longest] + " ", palette.BOLD), (shown, style), ("   ", palette.DIM)]
        if sum(len(text) for text, _ in spans) <= width:
            break
    return spans


def next_of(lane: LaneView, upcoming: int, engine_state: str, kept: bool = False) -> list[Span]:
    """Return one part's next bar as a mark and a word."""
    if lane.muted:
        return [("muted", palette.WARN)]
    view = next((bar for bar in lane.bars if bar.bar == upcoming), BarView(upcoming, "empty"))
    if not view.origin:
        if kept:
            return [("↻ kept", palette.ORIGIN_STYLES["kept"])]
        if engine_state == "loading":
            return [("loading…", palette.WARN)]
        return [
            (
                "… " + ("being written" if engine_state in ("generating", "prefilling") else "not written yet"),
                palette.DIM,
            )
        ]
    style = palette.ORIGIN_STYLES.get(view.origin, palette.PLAIN)
    word = "planned" if view.state == "tentative" else view.origin
    return [(f"{palette.ORIGIN_MARKS[view.origin]} {word}", style)]


def share_in_time(snapshot: Snapshot) -> float | None:
    """Return the share of fresh bars among those that were to be fresh, or None before the first.

    Kept and written bars do not count.
    """
    generation = snapshot.generation
    asked = generation.bars - sum(generation.bars_by_step.get(step, 0) for step in ("kept", "written"))
    return min(generation.bars_fresh / asked, 1.0) if asked > 0 else None


def in_time(snapshot: Snapshot) -> Span:
    """Return the share of our bars that were fresh and in time, with a mark that is clear without colour."""
    share = share_in_time(snapshot)
    if share is None:
        return "in time –", palette.DIM
    mark, style = (
        ("✓", palette.GOOD)
        if share >= GOOD_SHARE
        else ("~", palette.WARN)
        if share >= FAIR_SHARE
        else ("✗", palette.BAD)
    )
    return f"{mark} {percent(share)} in time", style


def _lamps(snapshot: Snapshot) -> list[Span]:
    transport = snapshot.transport
    now = beat_in_bar(transport) if transport.state in ("running", "lost") or transport.counting_in else -1
    beats = transport.time_signature.numerator
    if beats > 9:
        return [(f"{now + 1}/{beats}", palette.BOLD)]
    accent = palette.WARN
    return [("●" if beat == now else "○", (accent if beat == 0 else palette.BOLD)) for beat in range(beats)]


def _flags(snapshot: Snapshot) -> list[Span]:
    shown = (
        (snapshot.recording, " REC ", palette.RECORD),
        (snapshot.click, " click", palette.DIM),
        (snapshot.thru, " thru", palette.DIM),
    )
    return [(text, style) for on, text, style in shown if on]


def _clock(snapshot: Snapshot) -> list[Span]:
    transport = snapshot.transport
    text, style = _STATES[transport.state]
    jitter = transport.jitter_seconds * 1000 if transport.state == "running" else 0.0
    spans: list[Span] = [(text, style), (f" · {transport.source}", palette.DIM)]
    return [*spans, (f" ±{jitter:.1f} ms", palette.DIM)] if jitter >= 0.05 else spans


def _draw_small(canvas: Canvas, snapshot: Snapshot) -> None:
    transport = snapshot.transport
    x = canvas.put_spans(
        0, 0, (f" {bar_and_beat(transport):>5} ", palette.CURRENT), (" ", palette.PLAIN), *_lamps(snapshot)
    )
    tempo: list[Span] = [(f"  {transport.bpm:.1f}", palette.BOLD), (f" {transport.time_signature}  ", palette.DIM)]
    if snapshot.chords.key:
        tempo.append((f"{snapshot.chords.key}  ", palette.DIM))
    x = canvas.put_spans(x, 0, *tempo)
    right = canvas.put_right(0, *_flags(snapshot), (" ", palette.PLAIN), in_time(snapshot))
    for piece in _clock(snapshot):  # what is further from the state itself is left out sooner
        if x + len(piece[0]) >= right:
            break
        x = canvas.put_spans(x, 0, piece)


def _draw_big(canvas: Canvas, snapshot: Snapshot) -> None:
    transport = snapshot.transport
    position, tempo = big_text(bar_and_beat(transport)), big_text(f"{transport.bpm:.1f}")
    style = palette.TITLE if transport.state in ("running", "lost") else palette.DIM
    tempo_x = max(len(position[0]) + 6, 25)
    for row in range(3):
        canvas.put(2, row, position[row], style)
        canvas.put(tempo_x, row, tempo[row], palette.BOLD if style is palette.TITLE else palette.DIM)
    x = tempo_x + len(tempo[0]) + 1
    key: list[Span] = [(" in ", palette.DIM), (snapshot.chords.key, palette.BOLD)] if snapshot.chords.key else []
    canvas.put_spans(x, 0, ("BPM ", palette.DIM), (str(transport.time_signature), palette.BOLD), *key)
    canvas.put_spans(x, 1, *_lamps(snapshot))
    canvas.put_spans(x, 2, *_clock(snapshot))
    canvas.put_right(0, *_flags(snapshot), (" ", palette.PLAIN), in_time(snapshot), (" ", palette.PLAIN))
    checkpoint = snapshot.checkpoint.name if snapshot.checkpoint else snapshot.model.checkpoint
    canvas.put_right(1, (checkpoint + " ", palette.DIM))
