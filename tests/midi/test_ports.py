"""Names of ports, arrival times from deltas, ports in memory, and a machine without the driver's library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import PortError
from companion.midi.messages import ClockTick, NoteOn
from companion.midi.port_lists import Ports, parse_line
from companion.midi.ports import (
    ArrivalClock,
    MemoryInput,
    distinct_names,
    match_port,
    memory_pair,
    require_port,
    stable_names,
)

NAMES = [
    "Midi Through:Midi Through Port-0 14:0",
    "Keystation 88:Keystation 88 MIDI 1 20:0",
    "IAC Driver Bus 1",
    "companion in:in",
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("keystation", 1),
        ("IAC Driver Bus 1", 2),
        ("Keystation 88:Keystation 88 MIDI 1 24:0", 1),
        ("", 1),
        ("nowhere", None),
    ],
)
def test_a_port_is_found_by_part_of_its_name_and_after_its_address_changed(wanted: str, found: int | None) -> None:
    assert match_port(wanted, NAMES) == found


WINDOWS = ["Microsoft MIDI Mapper 0", "nanoKEY2 1", "nanoKEY2 2"]
TWINS = ["nanoKEY2:nanoKEY2 MIDI 1 20:0", "nanoKEY2:nanoKEY2 MIDI 1 24:0", "a2j:Röder [28] (capture): Bässe ピアノ"]


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("nanoKEY2 7", WINDOWS, 1),
        ("nanoKEY2", WINDOWS, 1),
        ("nanoKEY2 #2", WINDOWS, 2),
        ("nanokey2:nanokey2 midi 1", TWINS, 0),
        ("nanoKEY2:nanoKEY2 MIDI 1 #2", TWINS, 1),
        ("nanoKEY2:nanoKEY2 MIDI 1 24:0", TWINS, 1),
        ("a2j:Röder [131] (capture): Bässe ピアノ", TWINS, 2),
        ("ro\u0308der", TWINS, 2),
        ("ピアノ", TWINS, 2),
        ("IAC Driver Bus 1", ["IAC Driver Bus 2"], None),
    ],
)
def test_a_port_is_found_whatever_numbers_the_system_gives_it(wanted: str, names: list[str], found: int | None) -> None:
    assert match_port(wanted, names) == found


def test_twins_are_told_apart() -> None:
    assert stable_names(TWINS)[:2] == ["nanoKEY2:nanoKEY2 MIDI 1", "nanoKEY2:nanoKEY2 MIDI 1 #2"]
    assert stable_names(WINDOWS) == ["Microsoft MIDI Mapper", "nanoKEY2", "nanoKEY2 #2"]
    assert distinct_names(["Bus", "Bus", "Key"]) == ["Bus", "Bus #2", "Key"]


def test_an_unknown_port_is_refused_with_what_there_is() -> None:
    with pytest.raises(PortError, match=r"no MIDI input port 'Moog'.*'IAC Driver Bus 1'"):
        require_port("Moog", NAMES, "in")


@given(
    st.lists(st.floats(0.0005, 0.2), min_size=1, max_size=60),
    st.lists(st.floats(0.0005, 0.03), min_size=1, max_size=10),
    st.floats(-1e-4, 1e-4),
)
def test_arrival_times_lie_where_they_must_and_follow_the_deltas(
    gaps: list[float], polls: list[float], drift: float
) -> None:
    clock, true, arrivals = ArrivalClock(), 0.0, []
    for gap in gaps:
        true += gap
        arrivals.append(true)
    now, number, waiting, estimates, before = 0.0, 0, list(arrivals), [], None
    while waiting:
        now += polls[number % len(polls)]
        number += 1
        while waiting and waiting[0] <= now:
            at = waiting.pop(0)
            delta = 0.0 if before is None else (at - before) * (1 + drift)
            before = at
            estimates.append(clock.arrived(delta, now))
        clock.emptied(now)
    assert estimates == sorted(estimates)
    assert all(abs(estimate - at) <= max(polls) + 1e-9 for estimate, at in zip(estimates, arrivals, strict=True))


def test_a_late_poll_spoils_no_arrival_time() -> None:
    clock = ArrivalClock()
    clock.emptied(9.999)
    assert clock.arrived(0.0, 10.0) == 10.0
    clock.emptied(10.0)
    late = [clock.arrived(0.02, 10.5) for _ in range(3)]
    assert late == pytest.approx([10.02, 10.04, 10.06])


def test_memory_ports_are_a_wire() -> None:
    now = [1.0]
    source, sink = memory_pair(lambda: now[0])
    sink.send(b"\x90\x3c\x40")
    now[0] = 1.5
    sink.send(b"\xf8")
    assert source.next_arrival() == 1.0
    assert source.poll(1.2) == [(1.0, NoteOn(0, 60, 64))]
    assert source.poll(2.0) == [(1.5, ClockTick())]


def test_a_flood_comes_in_portions() -> None:
    source = MemoryInput(schedule=((0.0, b"\xf8") for _ in range(10_000)))
    sizes = []
    while found := source.poll(1.0):
        sizes.append(len(found))
    assert sum(sizes) == 10_000
    assert max(sizes) <= 256


def test_the_probe_is_read_and_its_noise_refused() -> None:
    ports = parse_line('{"ports": {"jack": {"in": ["a"], "out": ["b"]}}, "error": ""}')
    assert ports == Ports((("jack", ("a",)),), (("jack", ("b",)),))
    assert ports.driver_of("out", "b") == "jack"
    assert not ports.wired_from_outside("jack")
    wired = parse_line('{"ports": {"jack": {"in": [], "out": []}}, "error": "", "wires": [["a", "b"]]}')
    assert wired.wires == (("a", "b"),)
    assert wired.wired_from_outside("jack")
    assert not wired.wired_from_outside("alsa")
    with pytest.raises(ValueError, match="port list"):
        parse_line("[]")


def test_without_the_alsa_library_the_user_learns_what_to_install() -> None:
    script = """
import builtins
real = builtins.__import__
def fake(name, *rest):
    if name == "rtmidi":
        raise ImportError("libasound.so.2: cannot open shared object file: No such file or directory")
    return real(name, *rest)
builtins.__import__ = fake
from companion.midi.probe import _Asker
print(_Asker().ask())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "apt install libasound2" in done.stdout
    assert not done.stderr
