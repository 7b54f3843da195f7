"""Sustained instruments. The numbers were set by comparing spectrograms with a soundfont's. Levels are in `programs`."""

from __future__ import annotations

from dataclasses import replace

from companion.sound.synthesis.sustained import SustainedRecipe
from companion.sound.synthesis.tone import Manner

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
SEA = SustainedRecipe(
    harmonics=(0.02,), slope=9.0, breath=(40.0, 900.0), attack_seconds=0.5, period_seconds=2.5, manner=Manner(1.0)
)
