"""Whatever turns messages with due times into sound: audio devices, FluidSynth, and the files they need."""
