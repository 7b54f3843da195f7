"""Struck and plucked instruments. The numbers were set by comparing spectrograms with a soundfont's. Levels are in `programs`."""

from __future__ import annotations

from dataclasses import replace

from companion.sound.synthesis.struck import BarRecipe, StringRecipe, modes
from companion.sound.synthesis.tone import Manner

# --- pianos and others with hammers ------------------------------------------------------------------------------------

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
ORCHESTRA_HIT = StringRecipe(
    slope=0.5, place=0.3, bright_hertz=(2500.0, 4500.0), strings=(-9.0, 0.0, 8.0), ring=(0.9, 0.2),
    knock=(0.3, 100.0, 3000.0, 0.06), manner=Manner(0.4, room=0.4), longest_seconds=1.5,
)  # fmt: skip
BELL_PAD = replace(
    FM_PIANO, modes=(*FM_PIANO.modes, *modes((2.76, 0.1, 0.2, 2.5), (0.5, 0.3, 0.3, 4.0))), manner=Manner(1.2, room=0.4)
)
