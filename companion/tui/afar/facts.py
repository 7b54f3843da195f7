"""What the stage view says, as short texts: place, section, chords, calls. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from companion.session.api.snapshot import CallView, PracticeView, Snapshot
from companion.tui.afar.coming import coming_chords
from companion.tui.wording import bar_and_beat, bar_label, beat_in_bar

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Fact:
    """Large texts, of which the first that fits is drawn, and words that explain it in small letters."""

    texts: tuple[str, ...]
    words: str = ""

    @property
    def shown(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.texts)


UNSAID = Fact(())
IN_TIME, VARIED, RESTS = "✓", "~", "✗"
# The worst of the parts counts.
LIGHTS: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"rest"}), RESTS, "late: a rest"),
    (frozenset({"older", "variation"}), VARIED, "late: varied"),
    (frozenset({"fresh", "kept", "written", "call"}), IN_TIME, "in time"),
)


def place(snapshot: Snapshot) -> Fact:
    """Where we are: the bar of the section, or of the chorus of a progression, or since the start; and the beat."""
    transport, practice = snapshot.transport, snapshot.practice
    if transport.beat < 0:
        return Fact((bar_and_beat(transport),), "count-in")
    beat = beat_in_bar(transport) + 1
    since_start = f"bar {transport.song_bar + 1}"
    if practice is not None:
        return _place_in_song(practice, beat)
    length = snapshot.chords.progression_bars
    passed = transport.song_bar - snapshot.chords.progression_start
    if length and passed >= 0 and (snapshot.chords.loop or passed < length):
        words = f"bar {passed % length + 1} of {length} · chorus {passed // length + 1} · {since_start}"
        return Fact((f"{passed % length + 1}.{beat}",), words)
    return Fact((f"{transport.song_bar + 1}.{beat}",), "bar and beat")


def _place_in_song(practice: PracticeView, beat: int) -> Fact:
    bar = practice.song_bar
    around = f"chorus {practice.pass_number} · bar {bar + 1} of {practice.bar_count}"
    begun = [(start, name) for start, name in practice.sections if start <= bar]
    if not begun:
        return Fact((f"{bar + 1}.{beat}",), around)
    start, name = begun[-1]
    end = min((later for later, _ in practice.sections if later > bar), default=practice.bar_count)
    position = f"{bar - start + 1}.{beat}"
    words = f"{name} · bar {bar - start + 1} of {end - start} · {around}"
    return Fact((f"{name} {position}", position), words)


def next_section(snapshot: Snapshot) -> Fact:
    """What comes next in the form, and in how many bars."""
    practice = snapshot.practice
    if practice is not None:
        return _next_in_song(practice)
    chords, transport = snapshot.chords, snapshot.transport
    passed = transport.song_bar - chords.progression_start
    if not chords.progression_bars or passed < 0:
        return UNSAID
    left = chords.progression_bars - passed % chords.progression_bars
    if chords.loop:
        return _coming("TOP", left, f"chorus {passed // chords.progression_bars + 2}")
    return _coming("END", left, "the end of the progression") if passed < chords.progression_bars else UNSAID


def _next_in_song(practice: PracticeView) -> Fact:
    bar = practice.song_bar
    loop = practice.loop
    end = loop[1] if loop is not None and loop[0] <= bar < loop[1] else practice.bar_count
    later = [(start, name) for start, name in practice.sections if bar < start < end]
    if later:
        start, name = later[0]
        return _coming(name, start - bar, name)
    if loop is not None and end == loop[1]:
        first = [name for start, name in practice.sections if start <= loop[0]]
        name = first[-1] if first else "TOP"
        return _coming(name, end - bar, f"{name} again")
    return _coming("END", end - bar, "the end")


def _coming(name: str, bars: int, words: str) -> Fact:
    return Fact((f"{name} in {bars}", f"{name} {bars}", str(bars)), f"{words} in {bars} bar{'s' * (bars != 1)}")


def in_time(snapshot: Snapshot) -> Fact:
    """The light: whether what our parts play in this bar was written in time. Its shape says it without colour."""
    bar = snapshot.transport.bar
    ours = [lane for lane in snapshot.lanes if lane.role == "companion" and not lane.muted]
    origins = {view.origin for lane in ours for view in lane.bars if view.bar == bar and view.origin}
    for origins_of_light, mark, words in LIGHTS:
        if origins & origins_of_light:
            return Fact((mark,), words)
    return Fact((NOTHING,), "in time")


def chord_now(snapshot: Snapshot) -> Fact:
    """The chord that sounds."""
    return next(
        (Fact((text,), "now") for _, text in coming_chords(snapshot)), Fact((NOTHING,), "no chord is known yet")
    )


def chord_next(snapshot: Snapshot) -> Fact:
    """The next other chord, and when it comes."""
    now = ""
    for beats, text in coming_chords(snapshot):
        if now and text != now:
            return Fact((text,), f"next, in {_beats(beats)}")
        now = text
    return UNSAID


def _beats(beats: float) -> str:
    shown = max(round(beats), 1)
    return f"{shown} beat{'s' * (shown != 1)}"


def calls(snapshot: Snapshot) -> Fact:
    """The call that comes first, or the last one under way, and how many others there are."""
    if not snapshot.calls:
        return UNSAID
    now = snapshot.transport.position_beats
    coming = sorted((call for call in snapshot.calls if call.start_beats > now), key=lambda call: call.start_beats)
    call = coming[0] if coming else snapshot.calls[-1]
    others = len(snapshot.calls) - 1
    words = _when(call, snapshot, bool(coming)) + (f" · {others} more" if others else "")
    return Fact((call.kind.upper(), call.kind), words)


def _when(call: CallView, snapshot: Snapshot, is_coming: bool) -> str:
    if is_coming:
        return f"⚑ {call.kind}: at bar {bar_label(snapshot, call.first_bar)}"
    if call.last_bar is None:
        return f"⚑ {call.kind}: on until you call it again"
    return f"⚑ {call.kind}: until bar {bar_label(snapshot, call.last_bar + 1)}"


def otherwise(snapshot: Snapshot) -> Fact:
    """What is shown if there is no next section: whose turn it is, or the key."""
    if snapshot.turn:
        return Fact(("YOUR TURN", "YOU") if snapshot.turn == "player" else ("ITS TURN", "IT"), "trading")
    return Fact((snapshot.chords.key,), "key") if snapshot.chords.key else UNSAID
