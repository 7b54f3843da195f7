"""Examines an engine on another machine for `companion doctor`: whether it can be reached and used, and what it would do at which tempo."""

from __future__ import annotations

import time
from typing import Any

from companion.errors import CompanionError
from companion.runtime.engine.sizes import LoadedSizes
from companion.runtime.machine.size_here import PARTS, sizes_at
from companion.runtime.remote_engine.conversation import Arrived, Told
from companion.runtime.remote_engine.guest import NOT_REACHABLE, Guest
from companion.session.api.events import LoadedSize
from companion.session.api.settings import ModelSettings
from companion.session.requests.sizing.lead_time import quantile

ARRIVAL_SECONDS = 15.0  # a host may have to load the checkpoint first
PING_SECONDS = 3.0  # how long the round trip is measured
LOOK_SECONDS = 0.002


def examine_remote(engine: str, checkpoint: str) -> dict[str, Any]:
    """One JSON-able object: {address, reachable, paired, state, told, round_trip_ms, host, stand_in, tempi}."""
    model = ModelSettings(checkpoint=checkpoint, engine=engine)
    found: dict[str, Any] = {"address": engine, "reachable": False, "paired": False, "told": [], "tempi": []}
    try:
        guest = Guest(engine, model)
    except CompanionError as error:
        return {**found, "state": str(error)}
    try:
        far = _await(guest, found["told"])
        connected = guest.state == "connected"
        found |= {
            "state": guest.state,
            "reachable": guest.state != NOT_REACHABLE,
            "paired": (connected and guest.conversation.is_welcome) or far is not None,
            "round_trip_ms": _round_trip(guest) if far else {},
        }
    finally:
        guest.close()
    if far is None:
        return found
    sizes = LoadedSizes(model)
    try:
        local = sizes.ready().sizes
    finally:
        sizes.close()
    return {
        **found,
        "host": {"checkpoint": far.checkpoint.name, "engine": far.checkpoint.engine, "bar_ms": _bar_ms(far)},
        "stand_in": {"checkpoint": local[0].checkpoint.name, "bar_ms": _bar_ms(local[0])},
        "tempi": [
            {"bpm": at.bpm, "writes": at.name, "lead_ms": round(1000 * at.lead_seconds), "why": at.why}
            for at in sizes_at((far, *local))
        ],
    }


def _await(guest: Guest, told: list[str]) -> LoadedSize | None:
    """Wait for the host; None if it does not come. told: gets what it says meanwhile."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        for news in guest.poll():
            if isinstance(news, Arrived):
                return news.loaded
            if isinstance(news, Told):
                told.append(news.text)
        if told and not guest.conversation.is_welcome:
            return None  # it has said why not
        time.sleep(LOOK_SECONDS)
    return None


def _round_trip(guest: Guest) -> dict[str, float]:
    deadline = time.monotonic() + PING_SECONDS
    while time.monotonic() < deadline:
        guest.poll()
        time.sleep(LOOK_SECONDS)
    trips = guest.conversation.round_trips
    return {"p50": round(1000 * quantile(trips, 0.5), 1), "max": round(1000 * max(trips), 1)}


def _bar_ms(size: LoadedSize) -> float:
    return round(1000 * max((seconds for _, seconds in size.warm_seconds), default=0.0), 1)


def remote_text(found: dict[str, Any]) -> str:
    """The findings for people."""
    lines = [f"engine     {found['address']}: {_verdict(found)}", *(f"           {text}" for text in found["told"])]
    if not found["tempi"]:
        return "\n".join(lines)
    trip, host, stand_in = found["round_trip_ms"], found["host"], found["stand_in"]
    lines += [
        f"round trip {trip['p50']} ms, {trip['max']} ms at the longest",
        f"host       {host['checkpoint']}, {host['engine']}, {host['bar_ms']:.0f} ms for a bar of one part",
        f"stand-in   {stand_in['checkpoint']} on this machine, {stand_in['bar_ms']:.0f} ms for a bar of one part",
    ]
    for row in found["tempi"]:
        why = f"  ({row['why']})" if row["why"] else ""
        lines.append(
            f"           {row['bpm']:>3} BPM, {PARTS} parts: {row['writes']}, asked {row['lead_ms']} ms ahead{why}"
        )
    return "\n".join(lines)


def _verdict(found: dict[str, Any]) -> str:
    return "reachable and paired" if found["tempi"] else found["state"]
