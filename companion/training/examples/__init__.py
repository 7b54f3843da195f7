"""From windows of music to packs of examples."""
