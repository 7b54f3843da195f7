"""The schema of each table of a preset.

Files count as musicians do (channels 1-16, bars from 1, latency in milliseconds, instruments by name). Settings count as
Python does (channels 0-15, bars from 0, seconds, programs 0-127).
"""

from __future__ import annotations

from typing import Literal

from companion.config.tables import Key, Schema, choice, flag, number, number_type, text
from companion.config.values import (
    read_bar_range,
    read_chord_zones,
    read_engine,
    read_entry_tempo,
    read_keys,
    read_learned,
    read_lines,
    read_percent,
    read_trainer,
    read_velocities,
    to_milliseconds,
    to_seconds,
    write_bar_range,
    write_chord_zones,
    write_learned,
    write_pair,
)
from companion.music import TimeSignature
from companion.music.instruments import GM_PROGRAMS, find_program
from companion.session.api import limits
from companion.session.api.control_names import moved
from companion.session.api.dials import DIALS

_CHANNEL = number_type(limits.whole(1, 16))


def _in_milliseconds(limit: limits.Limit) -> limits.Limit:
    return limits.Limit(1000 * limit.low, 1000 * limit.high)


_MILLISECONDS = number_type(_in_milliseconds(limits.LATENCY_SECONDS))


def _latency(field: str) -> Key:
    allowed = "a table of port = milliseconds, -500 to 500"
    return Key(field, dict[str, _MILLISECONDS], allowed, to_seconds, to_milliseconds)


TRACK = Schema(
    {
        "name": text("name"),
        "role": choice("role", *limits.ROLES),
        "program": Key(
            "program",
            int | str,
            "an instrument's name or a number from 1 to 128",
            lambda value: find_program(str(value)),
            GM_PROGRAMS.__getitem__,
        ),
        "drums": flag("is_drum"),
        "channel": Key(
            "channel",
            _CHANNEL | Literal["any"],
            '1 to 16, or "any"',
            lambda value: None if value == "any" else value - 1,
            lambda value: "any" if value is None else value + 1,
        ),
        "input": text("input_port", "part of a port's name"),
        "output": text("output_port", "part of a port's name"),
        "attributes": Key("attributes", dict[str, number_type(limits.LEVEL)], "a table of control = level", dict, dict),
        "muted": flag("muted"),
        "solo": flag("solo"),
        "song_track": number("song_track", limits.SONG_TRACK),
        "volume": number("volume", limits.MIX),
        "pan": number("pan", limits.MIX),
    }
)
CLOCK = Schema(
    {
        "source": choice("source", *limits.CLOCK_SOURCES),
        "bpm": number("bpm", limits.BPM),
        "meter": Key("time_signature", str, "a meter such as 4/4", TimeSignature.parse, str),
        "count_in": number("count_in_bars", limits.COUNT_IN_BARS),
        "click": flag("click"),
        "click_channel": Key("click_channel", _CHANNEL, "1 to 16", lambda v: v - 1, lambda v: v + 1),
        "send_clock": flag("send_clock"),
    }
)
SAMPLING = Schema(
    {
        "temperature": number("temperature", limits.TEMPERATURE),
        "top_p": number("top_p", limits.TOP_P),
        "top_k": number("top_k", limits.TOP_K),
        "mask_p": number("mask_p", limits.MASK_P),
        "mask_k": number("mask_k", limits.MASK_K),
        "polyphony_limit": number("polyphony_hard_limit", limits.POLYPHONY_LIMIT),
        "density_limit": number("density_hard_limit", limits.DENSITY_LIMIT),
        "allow_rests": flag("allow_rests"),
        "harmony": number("harmony", limits.HARMONY),
        "variety": number("variety", limits.VARIETY),
        "genre": text("genre"),
        "human": number("human", limits.HUMAN),
    }
)
MODEL = Schema(
    {
        "checkpoint": text("checkpoint", "a checkpoint's name or file"),
        "engine": Key("engine", str, f"{', '.join(limits.ENGINES)} or tcp://HOST:PORT", read_engine),
        "model_dim": number("model_dim", limits.MODEL_DIM),
        "mask_mode": choice("mask_mode", *limits.MASK_MODES),
        "seed": number("seed", limits.SEED),
        "takes": number("takes", limits.TAKES),
    }
)
PRACTICE = Schema(
    {
        "tempo": Key(
            "tempo_factor",
            float | str,
            'a share such as "80%", 10 to 400 %',
            read_percent,
            lambda v: f"{100 * v:g}%",
        ),
        "transpose": number("transpose", limits.TRANSPOSE_SEMITONES),
        "loop": Key("loop", str, 'bars such as "9-16"', read_bar_range, write_bar_range),
        "trainer": Key(
            "trainer",
            str,
            'from, to and step in percent, such as "70:110:+4"',
            read_trainer,
            lambda v: f"{100 * v[0]:g}:{100 * v[1]:g}:{100 * v[2]:+g}",
        ),
        "trainer_needs_accuracy": number("trainer_needs_accuracy", limits.SHARE),
        "key_step": number("key_step", limits.KEY_STEP_SEMITONES),
        "guide": flag("guide"),
        "keep_fills": flag("keep_fills"),
    }
)
TRADING = Schema(
    {
        "bars": number("trade_bars", limits.TRADE_BARS),
        "answer": flag("answer"),
        "solo_track": text("solo_track", "a track's name"),
    }
)
LEADING = Schema(
    {
        "intensity": number("intensity", limits.INTENSITY),
        "follow_dynamics": number("follow_dynamics", limits.SHARE),
        "follow_density": number("follow_density", limits.SIGNED_SHARE),
        "stay_out_of_register": number("stay_out_of_register", limits.SHARE),
    }
)
CHORDS = Schema(
    {
        "progression": text("progression", 'chords by bar, such as "Dm7 | G7 | Cmaj7"'),
        "loop": flag("loop"),
        "threshold": number("threshold", limits.CHORD_THRESHOLD),
        "zones": Key(
            "zones",
            list[str],
            'keys such as ["36-52"], with held, sounds or counts behind them',
            read_chord_zones,
            write_chord_zones,
        ),
    }
)
ENTRY = Schema(
    {
        "title": text("title"),
        "song": text("song", "a file, a link, or the name of a shipped chart"),
        "progression": text("progression", 'chords by bar, such as "Dm7 | G7 | Cmaj7"'),
        "preset": text("preset", "a preset's name or file"),
        "tempo": Key("tempo", float | str, 'a tempo in BPM, or a share such as "80%"', read_entry_tempo),
        "transpose": number("transpose", limits.TRANSPOSE_SEMITONES),
        "intro": number("intro", limits.INTRO_BARS),
        "me": text("me", "the part that you play, by number or name"),
        "fill": Key("fill", str | list[str], "a part for the companion, or a list of parts", read_lines),
        "notes": Key("notes", str | list[str], "text, or a list of texts", read_lines),
    }
)
SESSION = Schema(
    {
        "wait_bars": number("wait_bars", limits.WAIT_BARS),
        "lead_floor_ms": Key(
            "lead_floor_seconds",
            number_type(_in_milliseconds(limits.LEAD_FLOOR_SECONDS)),
            "milliseconds, 0 to 2000",
            lambda v: v / 1000,
            lambda v: v * 1000,
        ),
        "lead_margin": number("lead_margin", limits.LEAD_MARGIN),
        "intro": number("intro_bars", limits.INTRO_BARS),
        "thru": flag("thru"),
        "rewrite": choice("rewrite", *limits.REWRITE_DIALS),
        "output_latency_ms": _latency("output_latency_seconds"),
        "input_latency_ms": _latency("input_latency_seconds"),
        "learned": Key(
            "learned",
            dict[str, str],
            'a table of "cc:64@1", "note:36@10" or "pc:12@1" (number@channel, from 1) = action',
            read_learned,
            write_learned,
        ),
    }
)
KNOB = Schema(
    {
        "control": Key(
            "control",
            str,
            '"cc:74@1", "cc14:1@1", "pressure@1", "bend@1" or "pc@1" (number@channel, from 1)',
            lambda value: moved(value, -1, knob=True),
            lambda name: moved(name, 1, knob=True),
        ),
        "dial": choice("dial", *DIALS),
        "part": Key("part", str | int, "a track's name, or its number from 1"),
        "from": number("low", limits.DIAL_VALUE),
        "to": number("high", limits.DIAL_VALUE),
        "curve": choice("curve", *limits.CURVES),
        "pickup": flag("pickup"),
    }
)


ZONE = Schema(
    {
        "name": text("name"),
        "keys": Key("keys", str, 'keys such as "36-59" or "C2-B3"', read_keys, write_pair),
        "velocity": Key("velocity", str, 'velocities such as "1-90"', read_velocities, write_pair),
        "channel": Key("channel", _CHANNEL, "1 to 16", lambda v: v - 1, lambda v: v + 1),
        "input": text("port", "part of a port's name"),
        "part": Key("part", str | int, "a track's name, or its number from 1"),
        "controls": flag("controls"),
        "thru": flag("thru"),
        "transpose": number("transpose", limits.ZONE_TRANSPOSE),
    }
)
PORTS = Schema(
    {
        "in": text("input", "part of a port's name"),
        "out": text("output", "part of a port's name"),
    }
)
