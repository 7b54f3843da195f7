"""What goes into a session and what comes out: settings, events, effects, snapshots."""
