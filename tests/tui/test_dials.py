"""Dials of the newer checkpoints: each control that the loaded checkpoint has, and none that it lacks."""

from __future__ import annotations

from dataclasses import replace

from companion.session.api.events import command
from companion.session.api.settings import Knob
from companion.session.api.snapshot import KnobView
from companion.tokenizer import EncoderConfig
from companion.tui.controls.dials import LEADING_STEPS, SAMPLING_DIALS, dials, draw_dials, release, turn
from companion.tui.controls.knobs import change, learn, short_words
from companion.tui.controls.overlay import Overlay
from companion.tui.lanes.draw import Selection, attribute_summary
from companion.tui.pickers.offers import learn_sections
from tests.tui.scripted import YELLOW, snapshot_at

BASS, DRUMS = Selection(lane=1), Selection(lane=2)


def with_checkpoint(name: str, switches: tuple[str, ...] = ()):
    config = EncoderConfig.load(name)
    info = replace(
        YELLOW,
        name=name,
        attributes=config.attribute_names,
        genres=tuple(genre for genre, _ in config.genre_groups),
        switches=switches,
    )
    return replace(snapshot_at(9.1), checkpoint=info)


PRISM = with_checkpoint("prism")
EXPRESSIVE = with_checkpoint("expressive_v2", ("velocity", "microtiming"))


def named(snapshot, selection, name):
    [dial] = [dial for dial in dials(snapshot, selection) if dial.name == name]
    return dial


def after(snapshot, commands):
    overlay = Overlay()
    for wish in commands:
        overlay.add(wish, now=0.0)
    return overlay.apply(snapshot, now=0.1)


def test_a_checkpoint_shows_its_controls_and_no_others() -> None:
    def names(snapshot, selection):
        return [dial.name for dial in dials(snapshot, selection)][len(LEADING_STEPS) + len(SAMPLING_DIALS) :]

    assert names(snapshot_at(9.1), BASS) == ["min_polyphony", "max_polyphony", "min_note_duration", "max_note_duration"]
    assert names(PRISM, BASS) == [
        *("genre", "min_note_duration", "max_note_duration", "key_signature", "pitch_range", "silence_proportion"),
        *("bar_min_polyphony", "bar_max_polyphony", "pitch_class_set"),
    ]
    assert names(PRISM, DRUMS) == ["genre", "silence_proportion", "bar_note_density"]
    assert names(EXPRESSIVE, DRUMS) == ["genre", "human", "silence_proportion", "nomml", "bar_note_density"]


def test_a_key_is_that_of_all_our_melodic_parts() -> None:
    key = named(PRISM, BASS, "key_signature")
    assert key.reading == "as heard"
    wishes = turn(PRISM, BASS, key, 1)
    assert wishes == [command("set_attribute", track=track, name="key_signature", level=0) for track in (1, 3)]
    shown = after(PRISM, wishes)
    assert named(shown, BASS, "key_signature").reading == "C major"
    assert release(shown, BASS, named(shown, BASS, "key_signature")) == [
        command("set_attribute", track=track, name="key_signature", level=None) for track in (1, 3)
    ]


def test_a_range_begins_at_an_octave() -> None:
    [wish] = turn(PRISM, BASS, named(PRISM, BASS, "pitch_range"), 1)
    shown = after(PRISM, [wish])
    assert named(shown, BASS, "pitch_range").reading == "12 semitones"
    [wish] = turn(shown, BASS, named(shown, BASS, "pitch_range"), -1)
    assert named(after(shown, [wish]), BASS, "pitch_range").reading == "11 semitones"


def test_genres_and_how_human() -> None:
    genre = named(PRISM, BASS, "genre")
    assert genre.reading == "free"
    assert turn(PRISM, BASS, genre, -1) == []
    shown = after(PRISM, turn(PRISM, BASS, genre, 1))
    assert named(shown, BASS, "genre").reading == "asian"
    assert turn(shown, BASS, named(shown, BASS, "genre"), -1) == [command("set_sampling", genre="")]
    human = named(EXPRESSIVE, BASS, "human")
    assert human.reading == "as a player"
    assert turn(EXPRESSIVE, BASS, human, 1) == []
    shown = after(EXPRESSIVE, turn(EXPRESSIVE, BASS, human, -1))
    assert named(shown, BASS, "human").reading == "played loudness, on the grid"
    assert release(shown, BASS, named(shown, BASS, "human")) == [command("set_sampling", human=2)]


def test_a_low_screen_shows_the_dial_that_is_chosen() -> None:
    count = len(dials(EXPRESSIVE, BASS))
    for chosen in range(count):
        canvas = draw_dials(EXPRESSIVE, BASS, chosen, 60, 12)
        assert sum("▸" in "".join(row) for row in canvas.chars) == 1


def test_what_is_set_is_shown_beside_the_part() -> None:
    levels = {"key_signature": 21, "pitch_range": 12, "bar_max_polyphony": 0, "silence_proportion": 3}
    assert attribute_summary(levels) == "≤1 voice a bar Am range 12 30 % silent"
    assert attribute_summary({"bar_note_density": 4, "key_signature": 24}) == "dens 5"


# -- dials of the band and their knobs ------------------------------------------------------------------------------------


def picture_with(*views: KnobView):
    return replace(snapshot_at(9.1), knobs=views, intensity=50)


def test_the_bands_dials_turn_and_go_back_to_their_middle() -> None:
    picture = snapshot_at(9.1)
    intensity, dynamics = named(picture, BASS, "intensity"), named(picture, BASS, "follow_dynamics")
    assert turn(picture, BASS, intensity, 1) == [command("set_intensity", value=55)]
    assert turn(picture, BASS, dynamics, 1) == [command("follow_dynamics", depth=0.1)]
    up = after(picture, turn(picture, BASS, dynamics, 1))
    assert named(up, BASS, "follow_dynamics").reading == "0.1"
    assert release(up, BASS, dynamics) == [command("follow_dynamics", depth=0.0)]


def test_a_knob_shows_beside_its_dial_and_says_which_way_to_turn_it() -> None:
    knob = Knob("cc:74@0", "intensity", None, 0, 100)
    drawn = [draw_dials(picture_with(KnobView(knob, 0.2, True)), BASS, 0, width, 11).text() for width in (80, 40)]
    assert "CC 74 ↑" in drawn[0]
    assert "0 to 100, linear, picks up" in drawn[0]
    assert short_words(KnobView(knob, 0.9, True), 50) == "CC 74 ↓"
    assert short_words(KnobView(replace(knob, low=100, high=0), 0.9, True), 50) == "CC 74 ↓"
    assert short_words(KnobView(replace(knob, control="bend@0"), 0.9), 50) == "wheel"
    of_bass = KnobView(Knob("cc:7@0", "max_polyphony", 1, 0, 9))
    rows = draw_dials(picture_with(of_bass), BASS, 0, 80, 20).text().splitlines()
    assert [row.split()[0] for row in rows if "CC 7" in row] == ["max"]
    assert "CC 7" not in draw_dials(picture_with(of_bass), DRUMS, 0, 80, 20).text()


def test_the_keys_of_a_knob() -> None:
    view = KnobView(Knob("cc:74@0", "intensity", None, 0, 100), 0.5)
    assert learn("intensity", None) == [command("learn_dial", dial="intensity")]
    assert learn("genre", None) == [], "no knob turns a genre"
    assert change(view, "reverse", 30) == [command("set_knob", control="cc:74@0", low=100.0, high=0.0)]
    assert change(view, "curve", 30) == [command("set_knob", control="cc:74@0", curve="exponential")]
    assert change(view, "pickup", 30) == [command("set_knob", control="cc:74@0", pickup=False)]
    assert change(view, "low", 30) == [command("set_knob", control="cc:74@0", low=30)]
    assert change(view, "high", None) == []
    assert change(view, "forget", None) == [command("forget_control", control="cc:74@0")]
    assert change(None, "curve", 30) == []


def test_the_list_of_what_can_be_learned_has_dials_and_what_was_learned() -> None:
    view = KnobView(Knob("cc:7@0", "volume", 1, 0, 127))
    picture = replace(picture_with(view), learned={"cc:64@0": "fill:now"})
    actions, found, learned = learn_sections(picture, picture.lanes[1], ["max_polyphony"])
    assert ("intensity", None) in [choice.value for choice in found.choices]
    assert [choice.label for choice in found.choices][-3:] == ["bass: volume", "bass: pan", "bass: max polyphony"]
    assert [(choice.value, choice.label) for choice in learned.choices] == [
        ("cc:64@0", "CC 64 (sustain) on channel 1: fill now: the rest of this bar"),
        ("cc:7@0", "CC 7 on channel 1: volume of part 2"),
    ]
    assert "fill" in [choice.value for choice in actions.choices]
