"""The names of the token types of the MIDI-GPT vocabularies, and the attributes with their token types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class TokenType(str, Enum):
    """A domain of the vocabulary. The value is the name used in encoder configs."""

    PIECE_START = "PieceStart"
    PIECE_END = "None"
    USE_VELOCITY = "UseVelocity"
    USE_MICROTIMING = "UseMicrotiming"
    GENRE = "Genre"
    NUM_BARS = "NumBars"
    TRACK = "Track"
    TRACK_END = "TrackEnd"
    INSTRUMENT = "Instrument"
    BAR = "Bar"
    BAR_END = "BarEnd"
    TIME_SIG = "TimeSig"
    TIME_ABSOLUTE_POS = "TimeAbsolutePos"
    VELOCITY_LEVEL = "VelocityLevel"
    DELTA_DIRECTION = "DeltaDirection"
    DELTA = "Delta"
    NOTE_ONSET = "NoteOnset"
    NOTE_DURATION = "NoteDuration"
    FILL_IN_PLACEHOLDER = "FillInPlaceholder"
    FILL_IN_START = "FillInStart"
    FILL_IN_END = "FillInEnd"
    MASK_BAR = "MaskBar"
    MIN_POLYPHONY = "MinPolyphony"
    MAX_POLYPHONY = "MaxPolyphony"
    MIN_NOTE_DURATION = "MinNoteDuration"
    MAX_NOTE_DURATION = "MaxNoteDuration"
    NOTE_DENSITY = "NoteDensity"
    PITCH_RANGE = "TrackLevelPitchRangeMax"
    KEY_SIGNATURE = "KeySignature"
    SILENCE_PROPORTION = "TrackLevelSilenceProportionMax"
    NOMML = "TrackLevelNomml"
    BAR_TENSION = "Tension"
    BAR_TENSION_DRUM = "TensionDrum"
    BAR_PITCH_CLASS_SET = "BarLevelPitchClassSet"
    BAR_ONSET_DENSITY = "BarLevelOnsetDensity"
    BAR_ONSET_POLYPHONY_MIN = "BarLevelOnsetPolyphonyMin"
    BAR_ONSET_POLYPHONY_MAX = "BarLevelOnsetPolyphonyMax"
    # Types that a list of token_domains may contain. They take up ids, but nothing here writes them.
    AV_POLYPHONY = "AvPolyphony"
    DANCEABILITY = "Danceability"
    DANCEABILITY_SPOTIFY = "DanceabilitySpotify"
    DRUM_TRACK = "DrumTrack"
    ENERGY_SPOTIFY = "EnergySpotify"
    FILL_IN = "FillIn"
    HEADER = "Header"
    CONTAINS_THIRTY_SECOND = "ContainsNoteDurationThirtySecond"
    CONTAINS_SIXTEENTH = "ContainsNoteDurationSixteenth"
    CONTAINS_EIGHTH = "ContainsNoteDurationEighth"
    CONTAINS_QUARTER = "ContainsNoteDurationQuarter"
    CONTAINS_HALF = "ContainsNoteDurationHalf"
    CONTAINS_WHOLE = "ContainsNoteDurationWhole"
    MAX_NOTE_DURATION_HARD = "MaxNoteDurationHard"
    MIN_NOTE_DURATION_HARD = "MinNoteDurationHard"
    MAX_POLYPHONY_HARD = "MaxPolyphonyHard"
    MIN_POLYPHONY_HARD = "MinPolyphonyHard"
    NON_PITCH = "NonPitch"
    NOTE_OFFSET = "NoteOffset"
    NOTE_PITCH = "NotePitch"
    PITCH_CLASS = "PitchClass"
    PITCH_CLASS_COUNT = "PitchClassCount"
    REPETITION = "Repetition"
    REST_PERCENTAGE = "RestPercentage"
    SEGMENT = "Segment"
    SEGMENT_END = "SegmentEnd"
    SEGMENT_FILL_IN = "SegmentFillIn"
    TIME_DELTA = "TimeDelta"
    TRACK_ONSET_DENSITY = "TrackLevelOnsetDensity"
    TRACK_ONSET_DENSITY_MIN = "TrackLevelOnsetDensityMin"
    TRACK_ONSET_DENSITY_MAX = "TrackLevelOnsetDensityMax"
    TRACK_ONSET_POLYPHONY_MIN = "TrackLevelOnsetPolyphonyMin"
    TRACK_ONSET_POLYPHONY_MAX = "TrackLevelOnsetPolyphonyMax"
    PITCH_RANGE_MIN = "TrackLevelPitchRangeMin"
    SILENCE_PROPORTION_MIN = "TrackLevelSilenceProportionMin"
    VALENCE_SPOTIFY = "ValenceSpotify"
    VELOCITY = "Velocity"
    WNBD_SYNCOPATION = "WnbdSyncopation"
    # Any type that this version does not know. It takes up ids, but nothing here reads or writes them.
    UNKNOWN = "Unknown"

    @classmethod
    def parse(cls, name: str) -> TokenType:
        """The type for a name, a known alias or the old TOKEN_… spelling; UNKNOWN for any other name."""
        return _BY_PLAIN_NAME.get(name.removeprefix("TOKEN_").replace("_", "").lower(), TokenType.UNKNOWN)


_ALIASES = {
    "PitchRange": TokenType.PITCH_RANGE,
    "SilenceProportion": TokenType.SILENCE_PROPORTION,
    "PitchClassSet": TokenType.BAR_PITCH_CLASS_SET,
    "OnsetPolyphony": TokenType.BAR_ONSET_POLYPHONY_MAX,
    "NoteDurationDist": TokenType.NOTE_DURATION,
    "PieceEnd": TokenType.PIECE_END,
    "TimeSignature": TokenType.TIME_SIG,
}
_BY_PLAIN_NAME = {member.value.lower(): member for member in TokenType} | {
    alias.lower(): member for alias, member in _ALIASES.items()
}

# The order of a track's and a bar's attribute tokens; it does not depend on the config's order.
TRACK_ATTRIBUTE_ORDER = (
    TokenType.MIN_POLYPHONY,
    TokenType.MAX_POLYPHONY,
    TokenType.MIN_NOTE_DURATION,
    TokenType.MAX_NOTE_DURATION,
    TokenType.NOTE_DENSITY,
    TokenType.PITCH_RANGE,
    TokenType.KEY_SIGNATURE,
    TokenType.SILENCE_PROPORTION,
    TokenType.NOMML,
)
BAR_ATTRIBUTE_ORDER = (
    TokenType.BAR_TENSION,
    TokenType.BAR_TENSION_DRUM,
    TokenType.BAR_PITCH_CLASS_SET,
    TokenType.BAR_ONSET_DENSITY,
    TokenType.BAR_ONSET_POLYPHONY_MIN,
    TokenType.BAR_ONSET_POLYPHONY_MAX,
)


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """One attribute: its token type, number of levels, and the tracks ("melodic", "drum", "both") it describes."""

    name: str
    token_type: TokenType
    levels: int
    tracks: str
    per_bar: bool = False

    def applies_to(self, is_drum: bool) -> bool:
        """Whether a track of this kind carries the attribute."""
        return self.tracks == "both" or (self.tracks == "drum") == is_drum


# Every attribute that can be measured, by its control name. Source of the sizes: the published encoders.
ATTRIBUTES = {
    spec.name: spec
    for spec in (
        AttributeSpec("note_density", TokenType.NOTE_DENSITY, 10, "drum"),
        AttributeSpec("min_polyphony", TokenType.MIN_POLYPHONY, 10, "melodic"),
        AttributeSpec("max_polyphony", TokenType.MAX_POLYPHONY, 10, "melodic"),
        AttributeSpec("min_note_duration", TokenType.MIN_NOTE_DURATION, 6, "melodic"),
        AttributeSpec("max_note_duration", TokenType.MAX_NOTE_DURATION, 6, "melodic"),
        AttributeSpec("key_signature", TokenType.KEY_SIGNATURE, 25, "melodic"),
        AttributeSpec("pitch_range", TokenType.PITCH_RANGE, 128, "melodic"),
        AttributeSpec("silence_proportion", TokenType.SILENCE_PROPORTION, 10, "both"),
        AttributeSpec("nomml", TokenType.NOMML, 13, "both"),
        AttributeSpec("bar_note_density", TokenType.BAR_ONSET_DENSITY, 10, "drum", True),
        AttributeSpec("bar_min_polyphony", TokenType.BAR_ONSET_POLYPHONY_MIN, 10, "melodic", True),
        AttributeSpec("bar_max_polyphony", TokenType.BAR_ONSET_POLYPHONY_MAX, 10, "melodic", True),
        AttributeSpec("pitch_class_set", TokenType.BAR_PITCH_CLASS_SET, 13, "melodic", True),
    )
}

# (control name, mode, level) as encoder configs write them, with the attribute that each stands for.
_CONFIGURED = {
    ("note_density_quantile", "", "track"): "note_density",
    ("polyphony_quantile", "min", "track"): "min_polyphony",
    ("polyphony_quantile", "max", "track"): "max_polyphony",
    ("note_duration_quantile", "min", "track"): "min_note_duration",
    ("note_duration_quantile", "max", "track"): "max_note_duration",
    ("key_signature", "", "track"): "key_signature",
    ("pitch_range", "", "track"): "pitch_range",
    ("silence_proportion", "", "track"): "silence_proportion",
    ("nomml", "", "track"): "nomml",
    ("note_density_quantile", "", "bar"): "bar_note_density",
    ("polyphony_quantile", "min", "bar"): "bar_min_polyphony",
    ("polyphony_quantile", "max", "bar"): "bar_max_polyphony",
    ("pitch_class_set", "", "track"): "pitch_class_set",
}


def attribute_spec(name: str, params: Mapping[str, Any]) -> AttributeSpec | None:
    """The attribute that an entry of `attribute_controls` stands for; None if this version does not know it."""
    mode, level = str(params.get("mode", "")), str(params.get("level", "track"))
    found = _CONFIGURED.get((name, mode, level))
    return None if found is None else ATTRIBUTES[found]
