"""General MIDI program names (GM level 1), for screens and presets."""

from __future__ import annotations

GM_PROGRAMS: tuple[str, ...] = tuple(
    name.strip()
    for name in """
Acoustic Grand Piano, Bright Acoustic Piano, Electric Grand Piano, Honky-tonk Piano, Electric Piano 1, Electric Piano 2,
Harpsichord, Clavinet, Celesta, Glockenspiel, Music Box, Vibraphone, Marimba, Xylophone, Tubular Bells, Dulcimer,
Drawbar Organ, Percussive Organ, Rock Organ, Church Organ, Reed Organ, Accordion, Harmonica, Tango Accordion,
Nylon Guitar, Steel Guitar, Jazz Guitar, Clean Guitar, Muted Guitar, Overdriven Guitar, Distortion Guitar, Guitar Harmonics,
Acoustic Bass, Fingered Bass, Picked Bass, Fretless Bass, Slap Bass 1, Slap Bass 2, Synth Bass 1, Synth Bass 2,
Violin, Viola, Cello, Contrabass, Tremolo Strings, Pizzicato Strings, Orchestral Harp, Timpani,
String Ensemble 1, String Ensemble 2, Synth Strings 1, Synth Strings 2, Choir Aahs, Voice Oohs, Synth Voice, Orchestra Hit,
Trumpet, Trombone, Tuba, Muted Trumpet, French Horn, Brass Section, Synth Brass 1, Synth Brass 2,
Soprano Sax, Alto Sax, Tenor Sax, Baritone Sax, Oboe, English Horn, Bassoon, Clarinet,
Piccolo, Flute, Recorder, Pan Flute, Blown Bottle, Shakuhachi, Whistle, Ocarina,
Square Lead, Sawtooth Lead, Calliope Lead, Chiff Lead, Charang Lead, Voice Lead, Fifths Lead, Bass and Lead,
New Age Pad, Warm Pad, Polysynth Pad, Choir Pad, Bowed Pad, Metallic Pad, Halo Pad, Sweep Pad,
Rain, Soundtrack, Crystal, Atmosphere, Brightness, Goblins, Echoes, Sci-fi,
Sitar, Banjo, Shamisen, Koto, Kalimba, Bagpipe, Fiddle, Shanai,
Tinkle Bell, Agogo, Steel Drums, Woodblock, Taiko Drum, Melodic Tom, Synth Drum, Reverse Cymbal,
Guitar Fret Noise, Breath Noise, Seashore, Bird Tweet, Telephone Ring, Helicopter, Applause, Gunshot
""".split(",")
)


# What musicians call a part of a band, and the program (0-127) that is meant.
BAND = {"bass": 32, "piano": 0, "comping": 0, "guitar": 26, "organ": 16, "strings": 48, "brass": 61, "vibes": 11}
DRUM_NAMES = ("drums", "drum", "percussion", "kit")


def named_instrument(name: str) -> tuple[int, bool]:
    """(program, whether it is drums) that a part's name means; the piano where it means none."""
    wanted = name.strip().lower()
    if wanted in DRUM_NAMES:
        return 0, True
    if wanted in BAND:
        return BAND[wanted], False
    try:
        return find_program(wanted), False
    except ValueError:
        return 0, False


def program_name(program: int, is_drum: bool = False) -> str:
    """The name a musician knows; program 0-127."""
    if is_drum:
        return "Drums"
    return GM_PROGRAMS[program] if 0 <= program < len(GM_PROGRAMS) else f"Program {program + 1}"


def find_program(text: str) -> int:
    """A program by number ("33" counts from 1 as synthesizers show it) or by part of its name ("acoustic bass").

    Raises ValueError if no name or more than one fits. An exact name always wins.
    """
    wanted = text.strip().lower()
    if wanted.isdigit():
        number = int(wanted)
        if not 1 <= number <= len(GM_PROGRAMS):
            raise ValueError(f"program {number} is not in 1-128")
        return number - 1
    names = [name.lower() for name in GM_PROGRAMS]
    if wanted in names:
        return names.index(wanted)
    found = [index for index, name in enumerate(names) if wanted and wanted in name]
    if not found:
        raise ValueError(f"no instrument is called {text!r}")
    if len(found) > 1:
        choices = ", ".join(GM_PROGRAMS[index] for index in found[:6])
        raise ValueError(f"{text!r} could be any of: {choices}")
    return found[0]
