"""The side that people see: a performance is launched, watched and reported."""
