"""Snapshots, presets and set lists within a session: everything that is set, read, stored and set again at a bar line."""
