"""Every error this program raises on purpose.

    CompanionError                      shown as one line, exit status 1 (2 for files that cannot be used: MIDI, chart, config)
    ├── UsageError                      wrong use: exit status 2
    │   ├── CommandError                a command with an unknown name or a wrong argument (also a ValueError)
    │   ├── ConfigError                 a preset, config file or option with a bad key or value
    │   └── RequestValidationError      a generation request that the checkpoint cannot serve (also a ValueError)
    ├── MidiFileError                   a MIDI file that cannot be read
    ├── ChartError                      a chord chart with a fault: line, bar and symbol
    ├── EncoderConfigError              an encoder config that no vocabulary can be built from (also a ValueError)
    ├── TokenizerError                  music or ids the vocabulary cannot express (also a ValueError)
    ├── CheckpointError                 a checkpoint file that is missing, broken, hostile or mismatched
    ├── GenerationError                 the model failed, or no acceptable candidate was found
    │   └── GenerationCancelled         stopped on request
    ├── PortError                       MIDI ports: driver missing, no such port, port lost
    ├── SoundError                      an audio device or file that cannot be used
    └── TrainingError                   data, disk or resume faults while making a checkpoint

Bad data arriving live is never raised: the session counts and reports it.
"""

from __future__ import annotations


class CompanionError(Exception):
    """Base of all our errors; its text is one line fit for a user."""

    exit_status = 1


class UsageError(CompanionError):
    """The program was asked for something that does not exist or does not fit."""

    exit_status = 2


class CommandError(UsageError, ValueError):
    """A command that does not exist, or an argument that does not fit; a running session shows the text as a notice."""


class ConfigError(UsageError):
    """A config file, preset or option has an unknown key or a bad value."""


class RequestValidationError(UsageError, ValueError):
    """A generation request that this checkpoint or score cannot serve."""


class MidiFileError(CompanionError):
    """A MIDI file could not be read; the text names the file and the fault."""

    exit_status = 2


class ChartError(CompanionError):
    """A chord chart could not be read; the text names line, bar and symbol."""

    exit_status = 2


class EncoderConfigError(CompanionError, ValueError):
    """An encoder config is malformed; the text names the key."""

    exit_status = 2


class TokenizerError(CompanionError, ValueError):
    """Music that the vocabulary cannot express, or ids that are not in it."""


class CheckpointError(CompanionError):
    """A checkpoint is missing, broken, hostile or does not match its config."""


class GenerationError(CompanionError):
    """Generation failed; the cause is chained."""


class GenerationCancelled(GenerationError):
    """Generation stopped because it was asked to."""


class PortError(CompanionError):
    """A MIDI port or driver is missing, unknown or lost."""


class SoundError(CompanionError):
    """An audio device, a soundfont or an audio file cannot be used."""


class TrainingError(CompanionError):
    """Training could not start or go on; nothing already saved is lost."""
