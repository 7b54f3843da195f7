"""Presets read, written and refused."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from companion.cli.options.playing import changed_trading
from companion.config import Preset, list_presets, load_preset, presets, save_preset, values
from companion.errors import ConfigError
from companion.session.api import limits
from companion.session.api.settings import Knob, LeadingSettings, TrackSettings, Zone

SHIPPED = [name for name, _ in list_presets()]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own presets and state live in a temporary folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


TRACK = '[[tracks]]\nname = "you"\nrole = "human"\n'


def test_the_promised_presets_are_shipped() -> None:
    assert {"duo", "trio", "drummer", "pianist", "practice", "call_and_response"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_saving_and_loading_a_preset_is_the_identity(name: str) -> None:
    preset = load_preset(name)
    saved = save_preset(preset, "copy")
    again = load_preset("copy")
    assert again == Preset("copy", preset.title, preset.settings, preset.ports, saved)


def test_every_key_survives_the_round_trip(tmp_path: Path) -> None:
    text = (
        (
            'title = "all"\n[ports]\nin = "keys"\nout = "synth"\n[clock]\nbpm = 93.5\nmeter = "7/8"\nclick_channel = 16\n'
            '[practice]\ntempo = "75%"\nloop = "9-16"\ntrainer = "70:110:+4"\n[session]\noutput_latency_ms = {synth = 12.5}\n'
            'learned = {"cc:64@1" = "toggle"}\n[sampling]\ntop_p = 0.5\n'
        )
        + TRACK
        + 'channel = 3\nprogram = "Vibraphone"\nattributes = {max_polyphony = 2}\n'
    )
    preset = load_preset(write(tmp_path, text))
    assert preset.settings.practice.loop == (8, 16)
    assert preset.settings.practice.trainer == pytest.approx((0.7, 1.1, 0.04))
    assert preset.settings.output_latency_seconds == {"synth": 0.0125}
    assert preset.settings.tracks[0] == TrackSettings(
        "you", "human", program=11, channel=2, attributes={"max_polyphony": 2}
    )
    save_preset(preset, "again")
    assert load_preset("again").settings == preset.settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense = 1\n" + TRACK, "unknown key 'nonsense'"),
        ("[clock]\ntempo = 3\n" + TRACK, r"\[clock\]: unknown key 'tempo' \(allowed: source, bpm"),
        ("[clock]\nbpm = 999\n" + TRACK, "bpm = 999 is not a number from 10 to 400"),
        ("[clock]\nbpm = true\n" + TRACK, "bpm = True"),
        ('[clock]\nmeter = "4"\n' + TRACK, "not a meter such as 4/4"),
        ("[practice]\nloop = '8-4'\n" + TRACK, "not bars such as"),
        (TRACK + 'program = "kazoo"\n', "no instrument is called 'kazoo'"),
        (TRACK + "channel = 17\n", "channel = 17 is not 1 to 16"),
        ('[[tracks]]\nname = "x"\n', "role is missing"),
        ("title = 'x'\n", "at least one"),
        ("tracks = 3\n", "at least one"),
        ("[clock\n", "not valid TOML"),
        ("clock = 4\n" + TRACK, "expected a table"),
        ("x = " + "[" * 10_000 + "]" * 10_000 + "\n" + TRACK, "nested too deeply"),
        ("[session]\noutput_latency_ms = {synth = 900}\n" + TRACK, "not a table of port = milliseconds"),
        ("[session]\noutput_latency_ms = 'long'\n" + TRACK, "not a table of port = milliseconds"),
        ("[sampling]\ntop_k = 1.5\n" + TRACK, "top_k = 1.5 is not a whole number from 0 to 10000"),
        ("[clock]\nbpm = nan\n" + TRACK, "bpm = nan is not a number"),
    ],
)
def test_what_is_wrong_is_said_with_file_key_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_preset(path)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_learnt_switches_count_channels_from_one(tmp_path: Path) -> None:
    path = write(tmp_path, TRACK + '[session]\nlearned = {"cc:64@1" = "toggle", "note:36@10" = "tap"}\n')
    preset = load_preset(path)
    assert preset.settings.learned == {"cc:64@0": "toggle", "note:36@9": "tap"}
    assert presets.preset_document(preset)["session"]["learned"] == {"cc:64@1": "toggle", "note:36@10": "tap"}


@pytest.mark.parametrize("control", ["cc:64", "cc:128@1", "cc:64@0", "note:36@17", "pedal"])
def test_a_control_that_cannot_be_is_refused(tmp_path: Path, control: str) -> None:
    path = write(tmp_path, TRACK + f'[session]\nlearned = {{"{control}" = "toggle"}}\n')
    with pytest.raises(ConfigError, match="number@channel"):
        load_preset(path)


def test_actions_have_arguments_and_an_unreadable_one_is_one_line(tmp_path: Path) -> None:
    table = '[session]\nlearned = {"pc:12@1" = "set_intensity:80"}\n'
    path = write(tmp_path, TRACK + "volume = 90\npan = 20\n" + table)
    preset = load_preset(path)
    assert preset.settings.learned == {"pc:12@0": "set_intensity:80"}
    assert (preset.settings.tracks[0].volume, preset.settings.tracks[0].pan) == (90, 20)
    assert presets.preset_document(preset)["session"]["learned"] == {"pc:12@1": "set_intensity:80"}
    path = write(tmp_path, TRACK + '[session]\nlearned = {"cc:64@1" = "set_intensity:loud"}\n')
    with pytest.raises(ConfigError, match="value = 'loud' is not a whole number") as raised:
        load_preset(path)
    assert "\n" not in str(raised.value)


KNOBS = """
[[knobs]]
control = "cc:74@1"
dial = "intensity"

[[knobs]]
control = "cc14:1@16"
dial = "volume"
part = "you"
from = 127
to = 0
curve = "s"
pickup = false

[[knobs]]
control = "bend@2"
dial = "note_density"
part = 1
from = -1
to = 9
"""


def test_knobs_have_tables_of_their_own_and_come_back_as_they_were(tmp_path: Path) -> None:
    preset = load_preset(write(tmp_path, TRACK + KNOBS))
    assert preset.settings.knobs == (
        Knob("cc:74@0", "intensity", None, 0, 100),
        Knob("cc14:1@15", "volume", 0, 127, 0, "s", False),
        Knob("bend@1", "note_density", 0, -1, 9),
    )
    save_preset(preset, "again")
    assert load_preset("again").settings.knobs == preset.settings.knobs
    assert presets.preset_document(preset)["knobs"][1] == {
        "control": "cc14:1@16", "dial": "volume", "part": "you", "from": 127, "to": 0, "curve": "s", "pickup": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('control = "cc:74@1"', "[[knobs]] number 1: dial is missing"),
        ('control = "note:74@1"\ndial = "tempo"', "control = 'note:74@1' is not"),
        ('control = "cc14:40@1"\ndial = "tempo"', "control = 'cc14:40@1' is not"),
        ('control = "bend@17"\ndial = "tempo"', "control = 'bend@17' is not"),
        ('control = "bend@1"\ndial = "volume"', "volume is a dial of a part: say which part"),
        ('control = "bend@1"\ndial = "volume"\npart = "tuba"', "part = 'tuba' is none of the tracks (you, or"),
        ('control = "bend@1"\ndial = "volume"\npart = 2', "part = 2 is none of the tracks"),
        ('control = "bend@1"\ndial = "tempo"\nto = 500', "to = 500 is not a number from -1 to 400"),
        ('control = "bend@1"\ndial = "intensity"\nto = 101', "intensity: to must be from 0 to 100"),
        ('control = "bend@1"\ndial = "tempo"\ncurve = "log"', "curve = 'log' is not"),
        ('control = "bend@1"\ndial = "tempo"\nmin = 3', "unknown key 'min'"),
    ],
)
def test_a_knob_that_cannot_be_is_one_clear_line(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_preset(write(tmp_path, TRACK + "\n[[knobs]]\n" + table + "\n"))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


LEFT = '[[tracks]]\nname = "left"\nrole = "human"\nchannel = 5\nprogram = "Fingered Bass"\n'
ZONES = """
[[zones]]
name = "bass"
keys = "C-1-B2"
channel = 1
part = "left"
transpose = -12
thru = true

[[zones]]
name = "pads"
keys = "36"
channel = 10
velocity = "20-127"
input = "Launchpad"
controls = true

[[zones]]
name = "lead"
keys = "C3-G9"
"""


def test_zones_have_tables_of_their_own_and_come_back_as_they_were(tmp_path: Path) -> None:
    preset = load_preset(write(tmp_path, TRACK + LEFT + ZONES))
    assert preset.settings.zones == (
        Zone("bass", 0, 47, track=1, thru=True, transpose=-12, channel=0),
        Zone("pads", 36, 36, controls=True, channel=9, velocity_low=20, port="Launchpad"),
        Zone("lead", 48, 127),
    )
    save_preset(preset, "again")
    assert load_preset("again").settings.zones == preset.settings.zones


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('keys = "0-10"', "[[zones]] number 1: name is missing"),
        ('name = "a"\nkeys = "H2-C3"', "keys = 'H2-C3' is not keys such as"),
        ('name = "a"\nkeys = "100-128"', "outside MIDI's keys"),
        ('name = "a"\nkeys = "50-40"', "zone a: the lower end of a range comes first"),
        ('name = "a"\nvelocity = "loud"', "velocity = 'loud' is not velocities such as"),
        ('name = "a"\nvelocity = "0-9"', "zone a: the lower end of a range comes first"),
        ('name = "a"\npart = "tuba"', "part = 'tuba' is none of the tracks (you, left"),
        ('name = "a"\ntranspose = 60', "transpose = 60 is not a whole number from -48 to 48"),
        ('name = "a"\n[[zones]]\nname = "b"\nkeys = "60"', "zones a and b overlap in keys 60-60 (C4 to C4)"),
        ('name = "a"\n[chords]\nzones = ["36-52"]', "zone a and the chord zone overlap in keys 36-52"),
    ],
)
def test_a_zone_that_cannot_be_is_one_clear_line(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_preset(write(tmp_path, TRACK + LEFT + "\n[[zones]]\n" + table + "\n"))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_preset_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="duo"):
        load_preset("quintet")


def test_a_bare_start_takes_the_last_used_preset(tmp_path: Path) -> None:
    assert load_preset().name == presets.DEFAULT_PRESET
    presets.remember_used(load_preset("trio"))
    assert load_preset().name == "trio"


def test_a_preset_cannot_be_saved_outside_its_folder() -> None:
    with pytest.raises(ConfigError, match="cannot be"):
        save_preset(load_preset("duo"), "../evil")


@pytest.mark.parametrize(("bars", "meaning"), [("1-4", (0, 4)), ("7", (6, 7))])
def test_bar_ranges_count_from_one(bars: str, meaning: tuple[int, int]) -> None:
    assert values.read_bar_range(bars) == meaning


@pytest.mark.parametrize("bars", [int(limits.TRADE_BARS.low), 33, int(limits.TRADE_BARS.high)])
def test_what_jam_accepts_a_preset_can_keep(bars: int) -> None:
    args = argparse.Namespace(trade=bars or None, answer=False)
    preset = load_preset("trio")
    trading = changed_trading(preset.settings.trading, args)
    save_preset(replace(preset, settings=replace(preset.settings, trading=trading)), "copy")
    assert load_preset("copy").settings.trading.trade_bars == bars


@pytest.mark.parametrize("engine", ["tcp://192.168.1.20:5577", "tcp://desk:5577", "tcp://[fe80::1]:5577", "onnx"])
def test_an_engine_may_be_on_another_machine(tmp_path, engine):
    path = tmp_path / "far.toml"
    path.write_text(f'[model]\nengine = "{engine}"\n[[tracks]]\nname = "me"\nrole = "human"\n')
    assert load_preset(str(path)).settings.model.engine == engine


@pytest.mark.parametrize(
    "engine", ["tcp://", "tcp://desk", "tcp://desk:0", "tcp://desk:99999", "udp://desk:1", "tcp://a b:1", "gpu"]
)
def test_an_engine_that_is_none_is_one_line(tmp_path, engine):
    path = tmp_path / "far.toml"
    path.write_text(f'[model]\nengine = "{engine}"\n[[tracks]]\nname = "me"\nrole = "human"\n')
    with pytest.raises(ConfigError, match="tcp://HOST:PORT") as caught:
        load_preset(str(path))
    assert "\n" not in str(caught.value)


def test_snapshots_and_the_dials_that_lead_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "presets_dir", lambda: tmp_path)
    settings = presets.load_preset("trio").settings
    chorus = replace(
        settings,
        clock=replace(settings.clock, bpm=96.0),
        leading=LeadingSettings(80, 0.5),
        tracks=tuple(replace(track, muted=True, volume=70) for track in settings.tracks),
    )
    wanted = replace(settings, leading=LeadingSettings(30), snapshots={"1": settings, "chorus": chorus})
    path = presets.save_preset(presets.Preset("x", "X", wanted), "x")
    read = presets.load_preset(str(path)).settings
    assert read.leading == LeadingSettings(30)
    assert read.snapshots["chorus"] == replace(chorus, snapshots={}, learned={}, knobs=())
    assert list(read.snapshots) == ["1", "chorus"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("snapshots = 3", "snapshots: expected tables [snapshots.NAME]"),
        ("[snapshots.a]", "[snapshots.a]: at least one [[tracks]] table is needed"),
        ("[snapshots]\na = 3", "[snapshots.a]: expected a table with clock"),
        ("[snapshots.a]\nports = {}", "[snapshots.a]: unknown key 'ports'"),
        ("[snapshots.a.clock]\nbpm = 5000", "[snapshots.a]: at least one"),
        ("[leading]\nintensity = 101", "[leading]: intensity = 101 is not a whole number from 0 to 100"),
    ],
)
def test_a_damaged_snapshot_is_one_line(tmp_path, text, said):
    tracks = '[[tracks]]\nname = "me"\nrole = "human"\n'
    path = tmp_path / "bad.toml"
    path.write_text(f"{tracks}{text}" if text.startswith("[") else f"{text}\n{tracks}")
    with pytest.raises(ConfigError) as raised:
        presets.load_preset(str(path))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
