"""Players turn messages with due times into sound: audio devices, FluidSynth, and the files that they need."""
