"""When the host counts as there and as gone, with literal times and no socket."""

from __future__ import annotations

from dataclasses import replace

from companion.music import Note
from companion.runtime.engine.worker import example_job
from companion.runtime.ipc.protocol import Hello, Introduce, Ping, Pong, TurnedAway, Welcome
from companion.runtime.remote_engine.conversation import Arrived, Conversation, Gone, Told
from companion.session.api.effects import Cancel, Generate, LoadModel
from companion.session.api.events import EngineLost, EngineReady, GenerationFinished, NoteGenerated
from companion.session.api.settings import ModelSettings
from tests.session.session_stage import CHECKPOINT

READY = EngineReady(replace(CHECKPOINT, name="yellow_20m"), ((4, 0.02), (8, 0.03)))


class Link:
    """A conversation and a host that answers pings after a given time, unless it is mute."""

    def __init__(self, round_trip: float = 0.04) -> None:
        self.talk = Conversation("desk", ModelSettings(), "laptop", "one")
        self.round_trip = round_trip
        self.mute = False
        self.said: list[object] = []
        self.news: list[object] = []
        self._answers: list[tuple[float, object]] = []

    def run(self, begin: float, end: float) -> None:
        """Every 10 ms."""
        for step in range(round(100 * begin), round(100 * end)):
            now = step / 100
            for _, answer in [item for item in self._answers if item[0] <= now]:
                self.talk.receive(answer, now)
            self._answers = [item for item in self._answers if item[0] > now]
            self.talk.tick(now)
            for message in self.talk.say():
                self.said.append(message)
                if isinstance(message, Ping) and not self.mute:
                    self._answers.append((now + self.round_trip, Pong(message.number)))
            self.news += self.talk.news()

    def kinds(self) -> list[str]:
        return [type(each).__name__ for each in self.news]


def joined() -> Link:
    """A link whose host is there since about second 1."""
    link = Link()
    link.talk.connected(0.0)
    link.run(0.0, 0.1)
    link.talk.receive(Welcome(), 0.1)
    link.talk.receive(READY, 0.15)
    link.run(0.15, 2.0)
    return link


def test_a_host_is_greeted_asked_for_the_model_and_there_once_it_is_steady():
    link = joined()
    assert isinstance(link.said[0], Hello)
    assert [each for each in link.said if isinstance(each, LoadModel)] == [LoadModel(ModelSettings())]
    (arrived,) = link.news
    assert isinstance(arrived, Arrived)
    assert arrived.loaded.checkpoint.name == "yellow_20m at desk"
    assert arrived.loaded.checkpoint.place == "desk"


def test_the_round_trip_is_told_with_the_size():
    (arrived,) = joined().news
    assert isinstance(arrived, Arrived)
    assert round(arrived.loaded.checkpoint.round_trip_seconds, 3) == 0.04
    assert arrived.loaded.warm_seconds == READY.warm_seconds


def test_a_silent_host_is_gone_after_a_second_and_back_after_a_steady_one():
    link = joined()
    link.mute = True
    link.run(2.0, 2.8)
    assert link.kinds() == ["Arrived"]
    link.run(2.8, 3.2)
    assert link.news[-1] == Gone("has not answered for 1 s")
    link.mute = False
    link.run(3.2, 4.1)
    assert link.kinds() == ["Arrived", "Gone"]
    link.run(4.1, 5.0)
    assert link.kinds() == ["Arrived", "Gone", "Arrived"]


def test_two_packets_lost_in_a_row_do_not_count_as_silence():
    link = joined()
    link.round_trip = 0.6
    link.run(2.0, 4.0)
    assert link.kinds() == ["Arrived"]


def test_a_cut_connection_is_gone_at_once_and_comes_back_by_itself():
    link = joined()
    link.talk.disconnected("is cut off")
    assert link.talk.news() == [Gone("is cut off")]
    link.said.clear()
    link.run(2.0, 3.0)
    assert link.said == []
    link.talk.connected(3.0)
    link.run(3.0, 3.1)
    assert isinstance(link.said[0], Hello)
    link.talk.receive(Welcome(), 3.1)
    link.talk.receive(READY, 3.1)
    link.run(3.1, 4.3)
    assert link.kinds()[-1] == "Arrived"


def test_a_restarted_host_is_greeted_again():
    link = joined()
    link.said.clear()
    link.talk.receive(Introduce(), 2.0)
    link.run(2.0, 2.1)
    assert link.news[-1] == Gone("was restarted")
    assert isinstance(link.said[0], Hello)


def test_a_host_that_serves_others_is_asked_again_and_the_player_is_told_once():
    link = Link()
    link.talk.connected(0.0)
    for second in range(0, 12, 4):
        link.run(second, second + 0.1)
        link.talk.receive(TurnedAway("the engine is playing with other"), second + 0.1)
    link.run(12.0, 12.1)
    assert link.news == [Told("the engine at desk: the engine is playing with other")]
    assert len([each for each in link.said if isinstance(each, Hello)]) == 4


def test_a_lost_model_is_gone_and_its_return_is_heard():
    link = joined()
    link.talk.receive(EngineLost("the engine process died"), 2.0)
    link.run(2.0, 2.1)
    assert isinstance(link.news[1], Gone)
    link.talk.receive(READY, 2.1)
    link.run(2.1, 2.2)
    assert link.kinds() == ["Arrived", "Gone", "Told", "Arrived"]


def test_deadlines_travel_as_seconds_from_now_and_sizes_by_the_hosts_name():
    link = joined()
    link.said.clear()
    job = replace(example_job(4), size="yellow_20m at desk")
    assert link.talk.ask(Generate(job, 1000.5), 1000.0)
    (sent,) = link.talk.say()
    assert sent == Generate(replace(job, size="yellow_20m"), 0.5)


def test_nothing_is_asked_of_a_host_that_is_not_there():
    talk = Conversation("desk", ModelSettings(), "laptop", "one")
    assert not talk.ask(Cancel(1), 0.0)
    assert talk.say() == []


def test_impossible_notes_and_sizes_are_left_out_with_one_remark():
    link = joined()
    for pitch in (200, -1, 300):
        link.talk.receive(NoteGenerated(1, 0, 4, Note(0, 10, pitch)), 2.0)
    link.talk.receive(NoteGenerated(1, 0, 4, Note(0, 10, 60)), 2.0)
    link.talk.receive(EngineReady(replace(CHECKPOINT, num_bars_map=())), 2.0)
    news = link.talk.news()
    assert [type(each) for each in news] == [Told, NoteGenerated]


def test_answers_of_a_host_that_is_not_there_are_left_out():
    link = joined()
    link.talk.disconnected("is cut off")
    link.talk.receive(GenerationFinished(1, 0.1), 2.0)
    assert link.talk.news() == [Gone("is cut off")]
