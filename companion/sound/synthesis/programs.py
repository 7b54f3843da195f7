"""The recipe of each General MIDI program, and its level."""

from __future__ import annotations

from companion.sound.synthesis import struck_recipes as struck
from companion.sound.synthesis import sustained_recipes as held
from companion.sound.synthesis.struck import BarRecipe, StringRecipe, bar_tone, string_tone
from companion.sound.synthesis.sustained import SustainedRecipe, sustained_tone
from companion.sound.synthesis.tone import Tone

Recipe = StringRecipe | BarRecipe | SustainedRecipe

PROGRAMS: tuple[Recipe, ...] = (
    *(
        struck.PIANO,
        struck.BRIGHT_PIANO,
        struck.ELECTRIC_GRAND,
        struck.HONKY_TONK,
        struck.TINES,
        struck.FM_PIANO,
        struck.HARPSICHORD,
        struck.CLAVINET,
    ),
    *(
        struck.CELESTA,
        struck.GLOCKENSPIEL,
        struck.MUSIC_BOX,
        struck.VIBRAPHONE,
        struck.MARIMBA,
        struck.XYLOPHONE,
        struck.TUBULAR_BELLS,
        struck.DULCIMER,
    ),
    *(held.DRAWBAR_ORGAN, held.PERCUSSIVE_ORGAN, held.ROCK_ORGAN, held.CHURCH_ORGAN),
    *(held.REED_ORGAN, held.ACCORDION, held.HARMONICA, held.ACCORDION),
    *(
        struck.NYLON,
        struck.STEEL,
        struck.JAZZ_GUITAR,
        struck.CLEAN_GUITAR,
        struck.MUTED_GUITAR,
        struck.OVERDRIVE,
        struck.DISTORTION,
        struck.HARMONICS_GUITAR,
    ),
    *(struck.ACOUSTIC_BASS, struck.FINGERED_BASS, struck.PICKED_BASS, struck.FRETLESS_BASS),
    *(struck.SLAP_BASS, struck.SLAP_BASS, struck.SYNTH_BASS, struck.SYNTH_BASS),
    *(
        held.VIOLIN,
        held.VIOLIN,
        held.CELLO,
        held.CONTRABASS,
        held.TREMOLO_STRINGS,
        struck.PIZZICATO,
        struck.HARP,
        struck.TIMPANI,
    ),
    *(
        held.STRINGS,
        held.SLOW_STRINGS,
        held.SYNTH_STRINGS,
        held.SYNTH_STRINGS,
        held.CHOIR,
        held.OOHS,
        held.VOICE_LEAD,
        struck.ORCHESTRA_HIT,
    ),
    *(
        held.TRUMPET,
        held.TROMBONE,
        held.TUBA,
        held.MUTED_TRUMPET,
        held.HORN,
        held.BRASS,
        held.SYNTH_BRASS,
        held.SYNTH_BRASS,
    ),
    *(held.SOPRANO_SAX, held.SAX, held.SAX, held.BARITONE_SAX, held.OBOE, held.OBOE, held.BASSOON, held.CLARINET),
    *(
        held.FLUTE,
        held.FLUTE,
        held.RECORDER,
        held.PAN_FLUTE,
        held.PAN_FLUTE,
        held.PAN_FLUTE,
        held.WHISTLE,
        held.RECORDER,
    ),
    *(
        held.SQUARE_LEAD,
        held.SAW_LEAD,
        held.SOFT_LEAD,
        held.SOFT_LEAD,
        held.SAW_LEAD,
        held.VOICE_LEAD,
        held.FIFTHS_LEAD,
        held.SAW_LEAD,
    ),
    *(
        struck.BELL_PAD,
        held.PAD,
        held.BRIGHT_PAD,
        held.CHOIR_PAD,
        held.SLOW_STRINGS,
        held.METALLIC_PAD,
        held.CHOIR_PAD,
        held.BRIGHT_PAD,
    ),
    *(
        struck.BELL_PAD,
        held.PAD,
        struck.BELL_PAD,
        struck.BELL_PAD,
        held.BRIGHT_PAD,
        held.METALLIC_PAD,
        struck.BELL_PAD,
        held.METALLIC_PAD,
    ),
    *(struck.SITAR, struck.BANJO, struck.BANJO, struck.KOTO, struck.KALIMBA, held.BAGPIPE, held.VIOLIN, held.BAGPIPE),
    *(
        struck.GLOCKENSPIEL,
        struck.TUBULAR_BELLS,
        struck.STEEL_DRUM,
        struck.WOOD,
        struck.DRUM,
        struck.DRUM,
        struck.DRUM,
        held.SEA,
    ),
    *(struck.MUTED_GUITAR, held.SEA, held.SEA, held.WHISTLE, struck.XYLOPHONE, held.SEA, held.SEA, struck.DRUM),
)

# Decibels below full scale of a note at velocity 100, over its first 0.6 s: within 3 dB of what FluidSynth gives with a common
# General MIDI soundfont at a gain of 0.5, and nearer to each other than there. `tests/sound` and docs/sound.md say how it was measured.
_LEVELS = """
31 31 29 30 28 29 31 29   31 31 28 25 33 35 26 32   26 28 27 28 26 28 26 29   27 30 26 33 30 28 26 28
29 27 29 26 26 33 29 29   24 24 23 25 27 30 24 30   29 30 31 29 26 27 27 24   29 28 28 33 22 31 26 25
28 28 28 30 27 26 26 27   25 27 25 26 28 26 23 22   24 24 25 26 27 23 27 24   28 32 29 26 30 30 28 32
27 27 28 25 25 34 26 27   30 28 33 29 28 26 26 26   29 35 29 35 26 33 28 36   37 40 32 33 30 40 38 30
"""
LEVELS_DB: tuple[int, ...] = tuple(-int(level) for level in _LEVELS.split())


def make_tone(program: int, key: int) -> Tone:
    """Return the tone of a program (0-127) at a key (0-127)."""
    recipe = PROGRAMS[program]
    if isinstance(recipe, StringRecipe):
        return string_tone(recipe, key)
    if isinstance(recipe, BarRecipe):
        return bar_tone(recipe, key)
    return sustained_tone(recipe, key)
