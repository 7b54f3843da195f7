"""Which recipe each General MIDI program uses, and how loud it is."""

from __future__ import annotations

from companion.sound.synthesis import recipes as r
from companion.sound.synthesis.struck import BarRecipe, StringRecipe, bar_tone, string_tone
from companion.sound.synthesis.sustained import SustainedRecipe, sustained_tone
from companion.sound.synthesis.tone import Tone

Recipe = StringRecipe | BarRecipe | SustainedRecipe

PROGRAMS: tuple[Recipe, ...] = (
    *(r.PIANO, r.BRIGHT_PIANO, r.ELECTRIC_GRAND, r.HONKY_TONK, r.TINES, r.FM_PIANO, r.HARPSICHORD, r.CLAVINET),
    *(r.CELESTA, r.GLOCKENSPIEL, r.MUSIC_BOX, r.VIBRAPHONE, r.MARIMBA, r.XYLOPHONE, r.TUBULAR_BELLS, r.DULCIMER),
    *(r.DRAWBAR_ORGAN, r.PERCUSSIVE_ORGAN, r.ROCK_ORGAN, r.CHURCH_ORGAN),
    *(r.REED_ORGAN, r.ACCORDION, r.HARMONICA, r.ACCORDION),
    *(r.NYLON, r.STEEL, r.JAZZ_GUITAR, r.CLEAN_GUITAR, r.MUTED_GUITAR, r.OVERDRIVE, r.DISTORTION, r.HARMONICS_GUITAR),
    *(r.ACOUSTIC_BASS, r.FINGERED_BASS, r.PICKED_BASS, r.FRETLESS_BASS),
    *(r.SLAP_BASS, r.SLAP_BASS, r.SYNTH_BASS, r.SYNTH_BASS),
    *(r.VIOLIN, r.VIOLIN, r.CELLO, r.CONTRABASS, r.TREMOLO_STRINGS, r.PIZZICATO, r.HARP, r.TIMPANI),
    *(r.STRINGS, r.SLOW_STRINGS, r.SYNTH_STRINGS, r.SYNTH_STRINGS, r.CHOIR, r.OOHS, r.VOICE_LEAD, r.ORCHESTRA_HIT),
    *(r.TRUMPET, r.TROMBONE, r.TUBA, r.MUTED_TRUMPET, r.HORN, r.BRASS, r.SYNTH_BRASS, r.SYNTH_BRASS),
    *(r.SOPRANO_SAX, r.SAX, r.SAX, r.BARITONE_SAX, r.OBOE, r.OBOE, r.BASSOON, r.CLARINET),
    *(r.FLUTE, r.FLUTE, r.RECORDER, r.PAN_FLUTE, r.PAN_FLUTE, r.PAN_FLUTE, r.WHISTLE, r.RECORDER),
    *(r.SQUARE_LEAD, r.SAW_LEAD, r.SOFT_LEAD, r.SOFT_LEAD, r.SAW_LEAD, r.VOICE_LEAD, r.FIFTHS_LEAD, r.SAW_LEAD),
    *(r.BELL_PAD, r.PAD, r.BRIGHT_PAD, r.CHOIR_PAD, r.SLOW_STRINGS, r.METALLIC_PAD, r.CHOIR_PAD, r.BRIGHT_PAD),
    *(r.BELL_PAD, r.PAD, r.BELL_PAD, r.BELL_PAD, r.BRIGHT_PAD, r.METALLIC_PAD, r.BELL_PAD, r.METALLIC_PAD),
    *(r.SITAR, r.BANJO, r.BANJO, r.KOTO, r.KALIMBA, r.BAGPIPE, r.VIOLIN, r.BAGPIPE),
    *(r.GLOCKENSPIEL, r.TUBULAR_BELLS, r.STEEL_DRUM, r.WOOD, r.DRUM, r.DRUM, r.DRUM, r.SEA),
    *(r.MUTED_GUITAR, r.SEA, r.SEA, r.WHISTLE, r.XYLOPHONE, r.SEA, r.SEA, r.DRUM),
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
    """The tone of a program (0-127) at a key (0-127)."""
    recipe = PROGRAMS[program]
    if isinstance(recipe, StringRecipe):
        return string_tone(recipe, key)
    if isinstance(recipe, BarRecipe):
        return bar_tone(recipe, key)
    return sustained_tone(recipe, key)
