"""Following JACK transport over a real server: start, place, tempo and stop are JACK's, and clicks lie on its frames."""

from __future__ import annotations

import statistics
import subprocess
import sys

from companion.midi.messages import ClockContinue, ClockStart, ClockStop, SongPosition
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import MidiArrived
from tests.rig.harness import PERIOD, SAMPLE_RATE, Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, start_jam
from tests.rig.test_jam_over_jack import OUR_OUTPUT

BEAT_FRAMES = SAMPLE_RATE // 2  # at 120 BPM
OBSERVED_BEATS = 16
# Three milliseconds, and the periods that a message waits for on its way.
TOLERANCE_FRAMES = SAMPLE_RATE * 3 // 1000 + 2 * PERIOD

# An independent client: the server's frame at which transport frame 0 was played, as the process thread sees both counters.
WHERE = """
import jack, time
client = jack.Client("where", no_start_server=True)
found = []

def process(frames):
    state, position = client.transport_query_struct()
    if state == jack.ROLLING:
        found.append((client.last_frame_time - position.frame) % 2**32)

client.set_process_callback(process)
client.activate()
while len(found) < 50:
    time.sleep(0.01)
client.deactivate()
client.close()
print(found[-1])
"""


def transport_zero(rig: Rig) -> int:
    """The server's frame at which the rolling transport was at its frame 0."""
    done = subprocess.run(
        [sys.executable, "-c", WHERE], env=rig.environment, capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout.split()[-1])


def test_clicks_lie_on_the_transports_beats_and_a_place_is_found(rig: Rig, observer: Observer) -> None:
    jam = start_jam(rig, source="jack", clock="click = true")
    wait_until(lambda: OUR_OUTPUT in rig.ports(), PATIENCE_SECONDS, "our port")
    rig.connect(OUR_OUTPUT, "observer:notes")
    rig.run("jack_transport", text="locate 0\nplay\n")

    def clicks() -> list[int]:
        return [item.frame for item in observer.note_ons() if item.data[0] & 0x0F == 9]

    wait_until(lambda: len(clicks()) >= OBSERVED_BEATS, 60, "clicks")
    zero = transport_zero(rig)
    off = [(frame - zero + BEAT_FRAMES // 2) % BEAT_FRAMES - BEAT_FRAMES // 2 for frame in clicks()[4:]]
    # One click may be off at either end: a machine that holds up the server for a moment moves the server's own stamp by a period.
    usual = sorted(off)[1:-1]
    assert usual[-1] - usual[0] < TOLERANCE_FRAMES, off
    assert abs(statistics.median(off)) < TOLERANCE_FRAMES, off
    rig.run("jack_transport", text=f"stop\nlocate {8 * BEAT_FRAMES}\nplay\n")
    heard = len(clicks())
    wait_until(lambda: len(clicks()) >= heard + 4, 60, "clicks after the jump")
    rig.run("jack_transport", text="stop\n")
    report = jam.end()
    assert report["hanging_notes"] == 0
    said = [
        record.message
        for record in read_log(jam.log).of_kind(MidiArrived)
        if record.port == "JACK transport"
        and isinstance(record.message, (ClockStart, ClockStop, ClockContinue, SongPosition))
    ]
    assert said == [ClockStart(), ClockStop(), SongPosition(32), ClockContinue(), ClockStop()]
