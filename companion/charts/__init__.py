"""Chord charts: values, text files, repeats and form, and the comping made from them by rule. Pure."""
