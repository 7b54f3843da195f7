"""The inputs and outputs of a session: settings, events, effects, snapshots."""
