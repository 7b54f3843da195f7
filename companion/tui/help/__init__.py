"""The help screen, made from the bindings themselves."""
