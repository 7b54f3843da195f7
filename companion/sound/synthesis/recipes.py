"""The instruments: a recipe for each family and its variants. Numbers were set by ear and by eye (spectrograms), levels by measurement."""

from __future__ import annotations

from dataclasses import replace

from companion.sound.synthesis.struck import BarRecipe, StringRecipe, modes
from companion.sound.synthesis.sustained import SustainedRecipe
from companion.sound.synthesis.tone import Manner

# --- pianos and what else has hammers ----------------------------------------------------------------------------------

PIANO = StringRecipe(
    place=0.125,
    slope=0.75,
    bright_hertz=(750.0, 2300.0),
    stiffness=0.0004,
    ring=(6.0, 0.6),
    damping=1.0,
    strings=(0.0, 0.7, -0.5),
    after_ring=0.3,
    knock=(0.05, 90.0, 900.0, 0.045),
    body=((110.0, 2.5, 0.5), (420.0, -2.0, 0.4), (900.0, 1.5, 0.5), (2600.0, 2.0, 0.5)),
    manner=Manner(0.28, room=0.24),
)
BRIGHT_PIANO = replace(PIANO, bright_hertz=(1100.0, 3600.0), slope=0.65)
ELECTRIC_GRAND = replace(PIANO, bright_hertz=(1000.0, 3000.0), strings=(0.0,), after_ring=0.1, body=(), ring=(4.0, 0.5))
HONKY_TONK = replace(BRIGHT_PIANO, strings=(0.0, 11.0, -9.0))
TINES = BarRecipe(
    modes(
        (1.0, 1.0, 1.0, 4.2),
        (2.0, 0.07, 0.34, 2.0),
        (3.0, 0.02, 0.18, 1.3),
        (4.0, 0.006, 0.10, 0.9),
        (7.11, 0.03, 0.14, 0.4),
        (20.7, 0.003, 0.03, 0.12),
    ),
    shorten=0.35,
    bite=(0.15, 0.7),
    tremolo=(0.16, 4.6),
    knock=(0.03, 150.0, 1200.0, 0.015),
    manner=Manner(0.22, room=0.2),
)
FM_PIANO = BarRecipe(
    modes(
        (1.0, 1.0, 1.0, 3.6),
        (1.003, 0.5, 0.5, 3.0),
        (2.0, 0.06, 0.2, 1.8),
        (3.0, 0.03, 0.14, 1.2),
        (13.0, 0.03, 0.14, 0.5),
        (14.0, 0.05, 0.24, 0.65),
        (15.0, 0.03, 0.14, 0.5),
    ),
    shorten=0.35,
    manner=Manner(0.25, room=0.22),
)
HARPSICHORD = StringRecipe(
    place=0.09,
    slope=0.55,
    bright_hertz=(4200.0, 6500.0),
    ring=(3.4, 0.5),
    damping=0.5,
    strings=(0.0, 1.5),
    knock=(0.06, 1200.0, 6000.0, 0.008),
    manner=Manner(0.15, room=0.24),
)
CLAVINET = StringRecipe(
    place=0.06,
    slope=0.5,
    bright_hertz=(2200.0, 4800.0),
    ring=(2.4, 0.5),
    damping=0.9,
    body=((700.0, -5.0, 0.4), (1900.0, 5.0, 0.5)),
    manner=Manner(0.08, room=0.15),
)
DULCIMER = replace(HARPSICHORD, place=0.16, bright_hertz=(2600.0, 4600.0), strings=(0.0, 4.0), manner=Manner(0.8))

# --- bars and bells ----------------------------------------------------------------------------------------------------

VIBRAPHONE = BarRecipe(
    modes((1.0, 1.0, 1.0, 5.0), (4.0, 0.06, 0.16, 1.4), (10.0, 0.01, 0.06, 0.3)),
    tremolo=(0.35, 5.2),
    knock=(0.03, 500.0, 2500.0, 0.01),
    manner=Manner(0.6, room=0.3),
)
MARIMBA = BarRecipe(
    modes((1.0, 1.0, 1.0, 1.1), (3.93, 0.12, 0.28, 0.28), (9.9, 0.02, 0.08, 0.08)),
    shorten=0.7,
    knock=(0.08, 300.0, 1800.0, 0.012),
    manner=Manner(1.0, room=0.28),
)
XYLOPHONE = BarRecipe(
    modes((1.0, 1.0, 1.0, 0.7), (3.0, 0.25, 0.5, 0.35), (6.1, 0.08, 0.25, 0.15)),
    shorten=0.6,
    knock=(0.15, 900.0, 5000.0, 0.008),
    manner=Manner(0.8, room=0.25),
)
GLOCKENSPIEL = BarRecipe(
    modes((1.0, 1.0, 1.0, 2.6), (2.76, 0.15, 0.4, 1.2), (5.4, 0.05, 0.2, 0.5)),
    knock=(0.06, 2500.0, 9000.0, 0.005),
    manner=Manner(2.0, room=0.3),
)
CELESTA = BarRecipe(
    modes((1.0, 1.0, 1.0, 1.6), (2.0, 0.1, 0.25, 0.9), (4.0, 0.08, 0.2, 0.4)), manner=Manner(0.5, room=0.28)
)
MUSIC_BOX = BarRecipe(
    modes((1.0, 1.0, 1.0, 2.0), (2.0, 0.1, 0.2, 1.0), (6.26, 0.12, 0.25, 0.5)), manner=Manner(1.5, room=0.28)
)
TUBULAR_BELLS = BarRecipe(
    modes(
        (0.5, 0.25, 0.25, 5.0),
        (1.0, 1.0, 1.0, 5.5),
        (1.5, 0.45, 0.55, 4.0),
        (2.02, 0.35, 0.5, 3.2),
        (2.7, 0.15, 0.4, 2.0),
        (3.37, 0.1, 0.3, 1.2),
    ),
    manner=Manner(3.0, room=0.35),
)
KALIMBA = BarRecipe(
    modes((1.0, 1.0, 1.0, 1.4), (5.4, 0.05, 0.15, 0.2)), knock=(0.05, 400.0, 2000.0, 0.01), manner=Manner(0.8)
)
STEEL_DRUM = BarRecipe(
    modes((1.0, 1.0, 1.0, 1.2), (2.0, 0.4, 0.7, 0.9), (3.01, 0.1, 0.35, 0.5), (4.02, 0.05, 0.2, 0.3)),
    attack_seconds=0.006,
    manner=Manner(0.6, room=0.3),
)
WOOD = BarRecipe(
    modes((1.0, 1.0, 1.0, 0.16), (1.9, 0.3, 0.5, 0.09), (3.3, 0.1, 0.25, 0.05)), shorten=0.2, manner=Manner(0.0)
)
DRUM = BarRecipe(
    modes((1.0, 1.0, 1.0, 0.9), (1.59, 0.35, 0.5, 0.5), (2.14, 0.2, 0.4, 0.3), (2.65, 0.1, 0.25, 0.22)),
    shorten=0.3,
    knock=(0.15, 100.0, 1500.0, 0.03),
    manner=Manner(0.0, room=0.25),
)
TIMPANI = replace(
    DRUM, modes=modes((1.0, 1.0, 1.0, 3.0), (1.5, 0.5, 0.6, 2.2), (1.98, 0.3, 0.4, 1.6), (2.44, 0.1, 0.25, 1.0))
)

# --- plucked -----------------------------------------------------------------------------------------------------------

_GUITAR_BODY = ((105.0, 4.0, 0.3), (210.0, 3.0, 0.3), (420.0, 2.0, 0.4), (1500.0, -1.5, 0.6))
NYLON = StringRecipe(
    place=0.22,
    slope=0.9,
    bright_hertz=(900.0, 2200.0),
    ring=(3.0, 0.55),
    damping=2.2,
    after_ring=0.15,
    attack_seconds=0.003,
    knock=(0.05, 200.0, 1500.0, 0.02),
    body=_GUITAR_BODY,
    manner=Manner(0.18, room=0.22),
)
STEEL = replace(
    NYLON, place=0.14, slope=0.75, bright_hertz=(1900.0, 4600.0), damping=1.2, ring=(4.2, 0.5), strings=(0.0, 0.5)
)
JAZZ_GUITAR = replace(
    NYLON, place=0.2, bright_hertz=(650.0, 1500.0), damping=1.5, ring=(3.4, 0.5), body=((300.0, 2.0, 0.8),)
)
CLEAN_GUITAR = replace(STEEL, place=0.17, bright_hertz=(1500.0, 3200.0), body=((2300.0, 3.0, 0.6),), after_ring=0.25)
MUTED_GUITAR = replace(
    CLEAN_GUITAR, ring=(0.35, 0.2), damping=1.5, after_ring=0.0, manner=Manner(0.06, room=0.18), longest_seconds=0.8
)
OVERDRIVE = replace(
    CLEAN_GUITAR, drive=3.0, ring=(7.0, 0.4), bright_hertz=(1300.0, 2400.0), knock=(0, 1, 1, 1), manner=Manner(0.15)
)
DISTORTION = replace(OVERDRIVE, drive=9.0, ring=(9.0, 0.3), bright_hertz=(1600.0, 2600.0))
HARMONICS_GUITAR = replace(CLEAN_GUITAR, place=0.5, slope=1.4, bright_hertz=(2500.0, 4000.0))
HARP = replace(NYLON, place=0.35, ring=(4.0, 0.5), bright_hertz=(1100.0, 2600.0), manner=Manner(1.4, room=0.32))
PIZZICATO = replace(
    NYLON, place=0.25, ring=(0.7, 0.5), damping=1.6, bright_hertz=(700.0, 1700.0), manner=Manner(0.5, room=0.32)
)
BANJO = replace(STEEL, ring=(1.1, 0.35), place=0.1, body=((700.0, 4.0, 0.5), (1500.0, 3.0, 0.5)), manner=Manner(0.2))
SITAR = replace(STEEL, place=0.06, slope=0.45, bright_hertz=(2600.0, 5000.0), strings=(0.0, 3.0), after_ring=0.3)
KOTO = replace(STEEL, place=0.12, ring=(2.2, 0.5), damping=1.6, manner=Manner(0.6))

_BASS_KNOCK = (0.05, 120.0, 900.0, 0.03)
ACOUSTIC_BASS = StringRecipe(
    place=0.3,
    slope=0.85,
    bright_hertz=(900.0, 1900.0),
    ring=(2.6, 0.35),
    damping=3.0,
    after_ring=0.1,
    attack_seconds=0.008,
    knock=(0.09, 90.0, 700.0, 0.04),
    body=((95.0, 3.0, 0.5), (180.0, 2.0, 0.4), (650.0, 1.5, 0.5)),
    manner=Manner(0.14, room=0.14),
)
FINGERED_BASS = replace(
    ACOUSTIC_BASS, place=0.22, bright_hertz=(1100.0, 2600.0), damping=2.0, body=((700.0, 2.0, 0.6),), knock=_BASS_KNOCK,
    ring=(4.2, 0.35), attack_seconds=0.005, manner=Manner(0.12, room=0.1),
)  # fmt: skip
PICKED_BASS = replace(
    FINGERED_BASS, place=0.12, bright_hertz=(2200.0, 4600.0), attack_seconds=0.002, knock=(0.08, 800.0, 3000.0, 0.01)
)
FRETLESS_BASS = replace(
    FINGERED_BASS, attack_seconds=0.03, bright_hertz=(900.0, 1800.0), body=((500.0, 4.0, 0.5),), knock=(0, 1, 1, 1)
)
SLAP_BASS = replace(
    FINGERED_BASS, place=0.09, slope=0.7, bright_hertz=(3000.0, 6500.0), knock=(0.2, 1200.0, 5000.0, 0.012)
)
SYNTH_BASS = StringRecipe(
    place=0.5,
    slope=0.0,
    bright_hertz=(700.0, 1500.0),
    ring=(4.5, 0.2),
    damping=6.0,
    after_ring=0.25,
    strings=(0.0, 6.0),
    manner=Manner(0.08, room=0.06),
)

# --- organs and free reeds -------------------------------------------------------------------------------------------------

_KEY_CLICK = (0.12, 2500.0, 0.006)
DRAWBAR_ORGAN = SustainedRecipe(
    harmonics=(1.0, 0.75, 0.55, 0.3, 0.0, 0.18, 0.0, 0.2),
    slope=9.0,
    knee_hertz=(9000.0, 9000.0),
    attack_seconds=0.008,
    swell=1.0,
    chiff=_KEY_CLICK,
    players=(0.0, 1.5),
    manner=Manner(0.05, vibrato=(5.0, 6.4, 0.0), room=0.22),
)
PERCUSSIVE_ORGAN = replace(DRAWBAR_ORGAN, harmonics=(1.0, 0.6, 0.8, 0.1), overshoot=0.35)
ROCK_ORGAN = replace(DRAWBAR_ORGAN, harmonics=(1.0, 0.9, 0.8, 0.6, 0.3, 0.35, 0.1, 0.35), drive=1.4)
CHURCH_ORGAN = SustainedRecipe(
    harmonics=(1.0, 0.8, 0.35, 0.6, 0.15, 0.25, 0.08, 0.35, 0.05, 0.1, 0.05, 0.15),
    slope=3.0,
    knee_hertz=(5000.0, 5000.0),
    players=(0.0, 3.0, -4.0),
    attack_seconds=0.06,
    chiff=(0.15, 1500.0, 0.05),
    period_seconds=1.0,
    manner=Manner(0.5, room=0.45),
)
REED_ORGAN = SustainedRecipe(
    slope=0.9,
    knee_hertz=(2200.0, 3200.0),
    players=(0.0, 3.0),
    attack_seconds=0.05,
    formants=((1100.0, 4.0, 0.6),),
    manner=Manner(0.12),
)
ACCORDION = replace(REED_ORGAN, players=(-7.0, 0.0, 8.0), knee_hertz=(2800.0, 4200.0), slope=0.75)
HARMONICA = replace(
    REED_ORGAN, players=(0.0,), formants=((1600.0, 6.0, 0.5), (3000.0, 3.0, 0.4)), breath=(0.04, 3000.0),
    manner=Manner(0.1, vibrato=(8.0, 5.5, 0.3)),
)  # fmt: skip

# --- bowed and sung ------------------------------------------------------------------------------------------------------

VIOLIN = SustainedRecipe(
    slope=0.95,
    knee_hertz=(2200.0, 4200.0),
    formants=((300.0, 2.0, 0.3), (480.0, 3.0, 0.3), (1000.0, -3.0, 0.5), (2700.0, 5.0, 0.5)),
    attack_seconds=0.07,
    breath=(0.02, 3000.0),
    chiff=(0.12, 2500.0, 0.04),
    manner=Manner(0.2, vibrato=(13.0, 5.6, 0.35), room=0.3),
)
CELLO = replace(
    VIOLIN, knee_hertz=(1400.0, 2800.0), formants=((220.0, 3.0, 0.4), (600.0, 2.0, 0.4), (1700.0, 3.0, 0.6))
)
CONTRABASS = replace(CELLO, knee_hertz=(900.0, 1800.0), attack_seconds=0.09)
STRINGS = SustainedRecipe(
    slope=0.9,
    knee_hertz=(1200.0, 2300.0),
    players=(-11.0, -5.0, 0.0, 4.0, 10.0),
    formants=((480.0, 2.0, 0.4), (2600.0, 3.0, 0.6)),
    attack_seconds=0.11,
    swell=1.4,
    breath=(0.02, 3000.0),
    period_seconds=1.6,
    manner=Manner(0.4, vibrato=(6.0, 5.2, 0.5), room=0.36),
)
SLOW_STRINGS = replace(STRINGS, attack_seconds=0.28, knee_hertz=(1200.0, 2400.0))
TREMOLO_STRINGS = replace(STRINGS, attack_seconds=0.05, manner=Manner(0.3, vibrato=(18.0, 7.0, 0.0), room=0.34))
SYNTH_STRINGS = replace(STRINGS, breath=(0.0, 1.0), formants=(), knee_hertz=(1900.0, 3600.0), players=(-9.0, 0.0, 9.0))
CHOIR = SustainedRecipe(
    slope=1.0,
    knee_hertz=(2400.0, 3600.0),
    formants=((700.0, 9.0, 0.35), (1150.0, 6.0, 0.3), (2700.0, 4.0, 0.3), (250.0, -4.0, 0.6)),
    players=(-9.0, -4.0, 0.0, 5.0, 10.0),
    attack_seconds=0.13,
    breath=(0.035, 2200.0),
    period_seconds=1.6,
    manner=Manner(0.4, vibrato=(9.0, 5.0, 0.5), room=0.4),
)
OOHS = replace(CHOIR, formants=((380.0, 8.0, 0.4), (850.0, 3.0, 0.3), (2500.0, -6.0, 0.5)), knee_hertz=(900.0, 1500.0))
ORCHESTRA_HIT = StringRecipe(
    slope=0.5, place=0.3, bright_hertz=(2500.0, 4500.0), strings=(-9.0, 0.0, 8.0), ring=(0.9, 0.2),
    knock=(0.3, 100.0, 3000.0, 0.06), manner=Manner(0.4, room=0.4), longest_seconds=1.5,
)  # fmt: skip

# --- blown ---------------------------------------------------------------------------------------------------------------

TRUMPET = SustainedRecipe(
    slope=0.5,
    knee_hertz=(1100.0, 2700.0),
    formants=((1200.0, 4.0, 0.6), (2400.0, 2.0, 0.5)),
    attack_seconds=0.028,
    swell=1.8,
    overshoot=0.12,
    breath=(0.015, 3000.0),
    manner=Manner(0.12, vibrato=(7.0, 5.3, 0.5), room=0.28),
)
TROMBONE = replace(TRUMPET, knee_hertz=(700.0, 1900.0), formants=((550.0, 4.0, 0.6),), attack_seconds=0.04)
TUBA = replace(TROMBONE, knee_hertz=(450.0, 1000.0), formants=((250.0, 3.0, 0.6),), attack_seconds=0.05)
MUTED_TRUMPET = replace(TRUMPET, formants=((1700.0, 9.0, 0.4), (700.0, -6.0, 0.5)))
HORN = replace(TRUMPET, knee_hertz=(500.0, 1250.0), formants=((380.0, 3.0, 0.6),), attack_seconds=0.055, slope=0.7)
BRASS = replace(
    TRUMPET, players=(-8.0, 0.0, 7.0), knee_hertz=(1000.0, 2400.0), period_seconds=1.0, attack_seconds=0.035
)
SYNTH_BRASS = replace(BRASS, formants=(), slope=0.9, knee_hertz=(1200.0, 3000.0), breath=(0.0, 1.0), overshoot=0.2)
SAX = SustainedRecipe(
    slope=0.7,
    knee_hertz=(1000.0, 2300.0),
    formants=((550.0, 4.0, 0.5), (1300.0, 3.0, 0.4), (2900.0, 2.0, 0.4)),
    attack_seconds=0.03,
    swell=1.5,
    overshoot=0.06,
    breath=(0.025, 2400.0),
    chiff=(0.12, 1800.0, 0.03),
    manner=Manner(0.1, vibrato=(11.0, 5.0, 0.4), room=0.26),
)
BARITONE_SAX = replace(SAX, knee_hertz=(700.0, 1600.0), formants=((350.0, 4.0, 0.5), (900.0, 3.0, 0.5)))
SOPRANO_SAX = replace(SAX, knee_hertz=(1500.0, 2900.0), formants=((900.0, 3.0, 0.5), (2200.0, 3.0, 0.5)))
OBOE = replace(
    SAX, slope=0.3, formants=((1050.0, 8.0, 0.4), (2900.0, 4.0, 0.4), (300.0, -5.0, 0.6)), breath=(0.02, 3000.0)
)
BASSOON = replace(OBOE, knee_hertz=(700.0, 1400.0), formants=((480.0, 7.0, 0.4), (1150.0, 3.0, 0.4)))
CLARINET = SustainedRecipe(
    slope=0.9,
    odd=0.08,
    knee_hertz=(1100.0, 2300.0),
    formants=((1500.0, 2.0, 0.6),),
    attack_seconds=0.035,
    breath=(0.025, 2500.0),
    manner=Manner(0.1, vibrato=(4.0, 5.0, 0.5), room=0.27),
)
FLUTE = SustainedRecipe(
    harmonics=(1.0, 0.32, 0.16, 0.06, 0.02, 0.01),
    slope=4.0,
    knee_hertz=(2500.0, 4500.0),
    attack_seconds=0.05,
    breath=(0.05, 2200.0),
    chiff=(0.25, 2500.0, 0.04),
    manner=Manner(0.13, vibrato=(9.0, 5.2, 0.4), room=0.32),
)
RECORDER = replace(FLUTE, harmonics=(1.0, 0.08, 0.12, 0.02), breath=(0.04, 3000.0))
PAN_FLUTE = replace(FLUTE, harmonics=(1.0, 0.1, 0.15, 0.02), breath=(0.2, 1500.0), chiff=(0.6, 1800.0, 0.07))
WHISTLE = replace(FLUTE, harmonics=(1.0, 0.02), breath=(0.05, 3000.0))
BAGPIPE = replace(OBOE, slope=0.35, breath=(0.0, 1.0), attack_seconds=0.02, manner=Manner(0.08))

# --- synthesizers ----------------------------------------------------------------------------------------------------------

SQUARE_LEAD = SustainedRecipe(
    slope=1.0,
    odd=0.02,
    knee_hertz=(1800.0, 4000.0),
    players=(0.0, 4.0),
    attack_seconds=0.008,
    swell=1.0,
    manner=Manner(0.12, vibrato=(7.0, 5.5, 0.5), room=0.25),
)
SAW_LEAD = replace(SQUARE_LEAD, odd=1.0, players=(-6.0, 0.0, 6.0), knee_hertz=(1600.0, 4200.0))
SOFT_LEAD = replace(SQUARE_LEAD, harmonics=(1.0, 0.3, 0.12, 0.05), slope=3.0, breath=(0.05, 2500.0))
VOICE_LEAD = replace(OOHS, players=(0.0, 4.0), attack_seconds=0.05)
FIFTHS_LEAD = replace(SAW_LEAD, players=(0.0, 702.0), knee_hertz=(1300.0, 3000.0))
PAD = SustainedRecipe(
    slope=1.0,
    knee_hertz=(800.0, 1700.0),
    players=(-12.0, -5.0, 0.0, 6.0, 11.0),
    attack_seconds=0.32,
    swell=1.5,
    period_seconds=2.0,
    manner=Manner(0.9, room=0.42),
)
BRIGHT_PAD = replace(PAD, knee_hertz=(1500.0, 3200.0), attack_seconds=0.1)
CHOIR_PAD = replace(CHOIR, attack_seconds=0.3, manner=Manner(0.9, room=0.45))
METALLIC_PAD = replace(PAD, harmonics=(1.0, 0.3, 0.5, 0.2, 0.3, 0.4, 0.1, 0.2), knee_hertz=(2500.0, 4000.0))
BELL_PAD = replace(
    FM_PIANO, modes=(*FM_PIANO.modes, *modes((2.76, 0.1, 0.2, 2.5), (0.5, 0.3, 0.3, 4.0))), manner=Manner(1.2, room=0.4)
)
SEA = SustainedRecipe(
    harmonics=(0.02,), slope=9.0, breath=(40.0, 900.0), attack_seconds=0.5, period_seconds=2.5, manner=Manner(1.0)
)
