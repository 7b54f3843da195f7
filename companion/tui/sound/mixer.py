"""The mixer: volume and pan of each part, as MIDI controllers 7 and 10. Levels that are not changed stay as they are. Pure."""

from __future__ import annotations

from companion.midi.codec import encode
from companion.midi.messages import ControlChange
from companion.music.units import DRUM_CHANNEL
from companion.session.api.snapshot import LaneView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas

VOLUME, PAN = 7, 10
USUAL = {VOLUME: 100, PAN: 64}  # General MIDI
STEPS = {VOLUME: 5, PAN: 8}
HIGHEST = 127
_BAR = 16


def channel_of(lane: LaneView) -> int:
    """Return the channel on which a part sounds."""
    return lane.channel if lane.channel is not None else DRUM_CHANNEL if lane.is_drum else 0


class Mixer:
    """Levels by channel, kept for as long as the program runs."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, int], int] = {}

    def value(self, channel: int, controller: int) -> int:
        """Return the value last set, else the default."""
        return self._values.get((channel, controller), USUAL[controller])

    def turn(self, channel: int, controller: int, steps: int) -> bytes:
        """Change a value by steps up or down, and return the message to send."""
        return self.set(channel, controller, self.value(channel, controller) + steps * STEPS[controller])

    def set(self, channel: int, controller: int, value: int) -> bytes:
        """Set a value, kept within 0-127, and return the message to send."""
        value = min(max(value, 0), HIGHEST)
        self._values[channel, controller] = value
        return encode(ControlChange(channel, controller, value))


def draw_mixer(mixer: Mixer, snapshot: Snapshot | None, chosen: int, width: int, height: int) -> Canvas:
    """Draw one row for each part."""
    canvas = Canvas(width, height)
    canvas.put_spans(1, 0, ("mixer", palette.TITLE), ("  volume and pan of each part", palette.DIM))
    lanes = snapshot.lanes if snapshot is not None else ()
    first = max(chosen - (height - 4), 0)
    for row, lane in enumerate(lanes[first : first + height - 3]):
        style = palette.SELECTED if row + first == chosen else palette.PLAIN
        canvas.put(1, 2 + row, f"{lane.name[:14]:<14}", style)
        channel = channel_of(lane)
        volume, pan = mixer.value(channel, VOLUME), mixer.value(channel, PAN)
        filled = round(_BAR * volume / HIGHEST)
        canvas.put_spans(
            17,
            2 + row,
            ("█" * filled, palette.PLAYED),
            ("·" * (_BAR - filled), palette.LINE),
            (f" {volume:>3}   ", palette.PLAIN),
            (_pan_picture(pan), palette.HUMAN),
            (f" {pan_words(pan):<8}", palette.PLAIN),
            (" muted" if lane.muted else "", palette.WARN),
        )
    canvas.put_spans(
        0, height - 1, (" esc", palette.KEY), (" done ", palette.SELECTED), (" ↑ ↓", palette.KEY), (" part ", palette.DIM),
        (" ← →", palette.KEY), (" volume ", palette.DIM), (" < >", palette.KEY), (" pan ", palette.DIM), (" 0", palette.KEY),
        (" as usual", palette.DIM),
    )  # fmt: skip
    return canvas


def pan_words(pan: int) -> str:
    """Return the words for a place between left and right."""
    if pan == USUAL[PAN]:
        return "middle"
    return f"left {100 * (64 - pan) // 64}" if pan < USUAL[PAN] else f"right {100 * (pan - 64) // 63}"


def _pan_picture(pan: int) -> str:
    place = round(10 * pan / HIGHEST)
    return "L" + "─" * place + "●" + "─" * (10 - place) + "R"
