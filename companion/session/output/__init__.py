"""What our own tracks play: the plan, its fallback, and the scheduler."""
