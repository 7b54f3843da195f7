"""An engine on another machine: pairing, the host that serves it, and the guest's end in the engine process."""
