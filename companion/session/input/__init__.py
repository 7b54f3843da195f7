"""What the players play: routed, captured, and its form recognised."""
