"""How each instrument sounds: tones computed from partials, filtered noise and periods, and which program uses which."""
