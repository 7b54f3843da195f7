"""The playing of our own tracks: the plan, its fallback, and the scheduler."""
