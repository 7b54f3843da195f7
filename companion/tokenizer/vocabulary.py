"""The vocabulary: which token ids exist, and what each of them means.

It is an ordered list of domains. The first id of a domain is the sum of the sizes before it, and an id is first id + value.
"""

from __future__ import annotations

from functools import cached_property

from companion.errors import EncoderConfigError, TokenizerError
from companion.music.meter import TimeSignature
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.token_types import TokenType

DEFAULT_VELOCITY = 100  # the velocity of a note without any velocity token
_MOST_IDS = 100_000
_REQUIRED = (
    TokenType.PIECE_START,
    TokenType.TRACK,
    TokenType.TRACK_END,
    TokenType.BAR,
    TokenType.BAR_END,
    TokenType.INSTRUMENT,
    TokenType.NOTE_ONSET,
    TokenType.NOTE_DURATION,
    TokenType.TIME_ABSOLUTE_POS,
    TokenType.VELOCITY_LEVEL,
)
_MOST_MIDI_VALUES = 128
_PITCH_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class Vocabulary:
    """Ids, domains and value maps of one encoder config.

    domains: type → (first id, size), in id order. velocity_levels[v]: level of MIDI velocity v (0 = silent);
    velocities[level]: MIDI velocity; instrument_classes[program]: class; programs[class]: representative program.
    """

    def __init__(self, config: EncoderConfig) -> None:
        """Raises EncoderConfigError when the config does not give a usable vocabulary."""
        self.config = config
        self.domains: dict[TokenType, tuple[int, int]] = {}
        self.size = 0
        domains = _domain_list(config)
        for token_type, size in domains:
            if token_type is not TokenType.UNKNOWN:
                self.domains[token_type] = (self.size, size)
            self.size += size
        self._check()
        self._types: list[TokenType] = [token_type for token_type, size in domains for _ in range(size)]
        levels = self.domain_size(TokenType.VELOCITY_LEVEL)
        self.velocity_levels: tuple[int, ...] = tuple(velocity_level(velocity, levels) for velocity in range(128))
        self.velocities: tuple[int, ...] = tuple(
            _level_velocity(level, self.velocity_levels) for level in range(levels)
        )
        self.instrument_classes, self.programs = _instrument_tables(config)
        self.meters: dict[TimeSignature, int] = {meter: index for index, meter in enumerate(config.time_signatures)}

    def _check(self) -> None:
        for token_type in _REQUIRED:
            if token_type not in self.domains:
                raise EncoderConfigError(f"encoder config: token_domains lacks {token_type.value}")
        if self.size > _MOST_IDS:
            raise EncoderConfigError(f"encoder config: {self.size} token ids are more than the {_MOST_IDS} supported")
        for token_type in (TokenType.NOTE_ONSET, TokenType.VELOCITY_LEVEL):
            if self.domain_size(token_type) > _MOST_MIDI_VALUES:
                raise EncoderConfigError(f"encoder config: {token_type.value} has more than {_MOST_MIDI_VALUES} values")

    def __contains__(self, token_type: TokenType) -> bool:
        return token_type in self.domains

    def domain_size(self, token_type: TokenType) -> int:
        """Number of values of a type; 0 when the vocabulary lacks it."""
        return self.domains.get(token_type, (0, 0))[1]

    def first_id(self, token_type: TokenType) -> int:
        """Id of a type's value 0; raises TokenizerError when the vocabulary lacks the type."""
        return self.id(token_type, 0)

    def id(self, token_type: TokenType, value: int = 0) -> int:
        """The id of a value; raises TokenizerError when the type or the value is not in the vocabulary."""
        first, size = self.domains.get(token_type, (0, 0))
        if not 0 <= value < size:
            raise TokenizerError(f"token {token_type.value}={value} is not in the vocabulary ({size} values)")
        return first + value

    def type_of(self, token_id: int) -> tuple[TokenType, int]:
        """The type and value of an id; for an unknown type, the value is the id. Raises TokenizerError for ids outside the vocabulary."""
        if not 0 <= token_id < self.size:
            raise TokenizerError(f"token id {token_id} is not in the vocabulary (0..{self.size - 1})")
        token_type = self._types[token_id]
        return token_type, token_id - self.domains.get(token_type, (0, 0))[0]

    @cached_property
    def id_types(self) -> tuple[TokenType, ...]:
        """The type of every id, as a table."""
        return tuple(self._types)

    def num_bars_index(self, bars: int) -> int:
        """Value of NumBars for a window of this many bars; raises TokenizerError."""
        if bars not in self.config.num_bars_map:
            allowed = list(self.config.num_bars_map)
            raise TokenizerError(f"a window of {bars} bars is not one of the model's window lengths {allowed}")
        return self.config.num_bars_map.index(bars)

    def meter_index(self, meter: TimeSignature) -> int:
        """Value of TimeSig; raises TokenizerError for a meter the vocabulary lacks."""
        try:
            return self.meters[meter]
        except KeyError:
            raise TokenizerError(
                f"unknown time signature {meter}: not one of the model's {len(self.meters)} meters"
            ) from None

    def meter(self, value: int) -> TimeSignature:
        """The meter of a TimeSig value; 4/4 if the config names no meter for the value."""
        meters = self.config.time_signatures
        return meters[value] if value < len(meters) else TimeSignature(4, 4)

    def genre_index(self, name: str) -> int | None:
        """Value of the Genre token for a group's name or alias, ignoring case; None for an unknown name."""
        wanted = name.lower()
        groups = enumerate(self.config.genre_groups)
        return next((i for i, (group, aliases) in groups if wanted in {group.lower(), *map(str.lower, aliases)}), None)

    def program(self, value: int) -> int:
        """The representative program of an Instrument value; 0 for values without a class."""
        return self.programs[value] if value < len(self.programs) else 0

    def describe(self, token_id: int) -> str:
        """A readable name such as "NoteOnset C4 (60)" or "TimeSig 6/8"."""
        token_type, value = self.type_of(token_id)
        detail = self._describe_value(token_type, value)
        return f"{token_type.value} {detail}" if detail else token_type.value

    def _describe_value(self, token_type: TokenType, value: int) -> str:
        beat = self.config.resolution
        if token_type is TokenType.NOTE_ONSET:
            return f"{_PITCH_NAMES[value % 12]}{value // 12 - 1} ({value})"
        if token_type is TokenType.NOTE_DURATION:
            return f"{value + 1}/{beat} beat"
        if token_type is TokenType.TIME_ABSOLUTE_POS:
            return f"beat {value // beat + 1} + {value % beat}/{beat}"
        if token_type is TokenType.TIME_SIG:
            return str(self.meter(value))
        if token_type is TokenType.NUM_BARS and value < len(self.config.num_bars_map):
            return str(self.config.num_bars_map[value])
        if token_type is TokenType.INSTRUMENT:
            return f"program {self.program(value)}"
        if token_type is TokenType.VELOCITY_LEVEL:
            return f"{value} (velocity {self.velocities[value]})"
        if token_type is TokenType.TRACK:
            return "drum" if value else "melodic"
        if token_type is TokenType.PIECE_START:
            return "infill" if value else "plain"
        if token_type is TokenType.DELTA_DIRECTION:
            return "early" if value == 0 else str(value)
        if token_type is TokenType.GENRE and value < len(self.config.genre_groups):
            return self.config.genre_groups[value][0]
        return str(value) if self.domain_size(token_type) != 1 else ""


def velocity_level(velocity: int, levels: int) -> int:
    """Level of a MIDI velocity among `levels`; 0 only for velocity 0, which is never written."""
    if velocity <= 0:
        return 0
    if velocity >= 127:
        return levels - 1
    return min(1 + velocity * (levels - 1) // 128, levels - 1)


def _level_velocity(level: int, levels_of: tuple[int, ...]) -> int:
    members = [velocity for velocity, its_level in enumerate(levels_of) if its_level == level and velocity]
    if level == 0 or not members:
        return DEFAULT_VELOCITY
    return members[1] if len(members) > 1 else members[0]


def _instrument_tables(config: EncoderConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Number the classes by ascending representative (the first member of a merge group)."""
    representative = list(range(128))
    for group in config.instrument_merge_groups:
        for program in group:
            representative[program] = group[0]
    programs = tuple(sorted(set(representative)))
    index = {program: number for number, program in enumerate(programs)}
    return tuple(index[representative[program]] for program in range(128)), programs


def _domain_list(config: EncoderConfig) -> list[tuple[TokenType, int]]:
    domains = list(config.token_domains) if config.token_domains is not None else _derived_domains(config)
    present = {token_type for token_type, _ in domains}
    for spec in config.attributes:
        if spec.token_type not in present:
            domains.append((spec.token_type, spec.levels))
            present.add(spec.token_type)
    if not domains:
        raise EncoderConfigError("encoder config: token_domains is empty")
    return domains


def _derived_domains(config: EncoderConfig) -> list[tuple[TokenType, int]]:
    """The list for configs without `token_domains`. Types of size 0 are absent."""
    beat = config.resolution
    longest_bar = max((-(-4 * m.numerator * beat // m.denominator) for m in config.time_signatures), default=0)
    infill, delta = int(config.supports_infill), int(config.emit_delta_tokens)
    domains = [
        (TokenType.PIECE_START, 1 + infill),
        (TokenType.TRACK, 2),
        (TokenType.TRACK_END, 1),
        (TokenType.BAR, 1),
        (TokenType.BAR_END, 1),
        (TokenType.TIME_SIG, len(config.time_signatures)),
        (TokenType.INSTRUMENT, len(_instrument_tables(config)[1])),
        (TokenType.NUM_BARS, len(config.num_bars_map)),
        (TokenType.NOTE_ONSET, config.pitch_range[1] - config.pitch_range[0] + 1),
        (TokenType.NOTE_DURATION, config.note_duration_max_beats * beat),
        (TokenType.TIME_ABSOLUTE_POS, longest_bar),
        (TokenType.USE_VELOCITY, 2 * config.switchable_velocity),
        (TokenType.USE_MICROTIMING, 2 * config.switchable_microtiming),
        (TokenType.GENRE, len(config.genre_groups)),
        (TokenType.VELOCITY_LEVEL, config.velocity_levels),
        (TokenType.DELTA_DIRECTION, 2 * delta),
        (TokenType.DELTA, max(1, beat // 2) * delta),
        (TokenType.FILL_IN_PLACEHOLDER, infill),
        (TokenType.FILL_IN_START, infill),
        (TokenType.FILL_IN_END, infill),
        (TokenType.MASK_BAR, int(config.supports_mask_bar_token)),
    ]
    return [(token_type, size) for token_type, size in domains if size]
