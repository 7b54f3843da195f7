"""The status area: bars in time, generation times, model, ports and notices."""
