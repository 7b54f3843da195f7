"""The state of a performance as OSC messages out, and which of them tell what has changed. Pure: no socket, no thread."""

from __future__ import annotations

from typing import Any

from companion.session.api.snapshot import Snapshot

OUT = (
    ("/companion/bar", "i bar, f beat", "the place, counted from 1"),
    ("/companion/bpm", "f bpm", "the tempo"),
    ("/companion/transport", "s state", "stopped, armed, running or lost"),
    ("/companion/in_time", "f share", "bars written in time, 0 to 1"),
    ("/companion/lane", "i track, s name, i muted, i solo", "one for each part"),
    ("/companion/calls", "s", "the calls that wait or are under way"),
    ("/companion/intensity", "i", "0 to 100"),
    ("/companion/snapshots", "s", "the names of what is stored"),
    ("/companion/set", "i number, s title, s following", "the entry of the set list, and what comes next"),
    ("/companion/notice", "s level, s text", "what companion has to say"),
    ("/companion/error", "s text", "why a message was refused"),
    ("/midigpt/session/started", "", "the music began"),
    ("/midigpt/session/stopped", "", "the music ended"),
    ("/midigpt/status", "s generating|ready", "whether a bar is being written"),
)

Out = tuple[str, tuple[Any, ...]]


def state_of(snapshot: Snapshot) -> dict[str, tuple[Any, ...]]:
    """The state as messages, path and arguments; lanes under a path of their own each, so that changes can be told apart."""
    transport, generation = snapshot.transport, snapshot.generation
    quarters_a_beat = 4 / transport.time_signature.denominator
    state: dict[str, tuple[Any, ...]] = {
        "/companion/bar": (transport.song_bar + (transport.song_bar >= 0), int(transport.beat // quarters_a_beat) + 1),
        "/companion/bpm": (round(float(transport.bpm), 2),),
        "/companion/transport": (transport.state,),
        "/companion/in_time": (generation.bars_fresh / generation.bars if generation.bars else 1.0,),
        "/companion/calls": (", ".join(call.kind for call in snapshot.calls),),
        "/companion/intensity": (snapshot.intensity,),
        "/companion/snapshots": (", ".join(snapshot.stored),),
        "/midigpt/status": ("generating" if generation.state == "generating" else "ready",),
    }
    if (entry := snapshot.set_list) is not None:
        state["/companion/set"] = (entry.number + 1, entry.title, entry.following)
    for lane in snapshot.lanes:
        state[f"/companion/lane/{lane.index + 1}"] = (lane.name, int(lane.muted), int(lane.solo))
    return state


def changes(before: dict[str, tuple[Any, ...]], now: dict[str, tuple[Any, ...]]) -> list[Out]:
    """The messages that tell what has changed, midigpt's session messages included."""
    told: list[Out] = []
    for path, arguments in now.items():
        if before.get(path) == arguments:
            continue
        if path.startswith("/companion/lane/"):
            told.append(("/companion/lane", (int(path.rpartition("/")[2]), *arguments)))
        else:
            told.append((path, arguments))
        if path == "/companion/transport":
            ran, runs = before.get(path) == ("running",), arguments == ("running",)
            if ran != runs:
                told.append((f"/midigpt/session/{'started' if runs else 'stopped'}", ()))
    return told
