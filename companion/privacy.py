"""What the libraries below us would tell others about this machine, switched off before any of them is loaded.

ONNX Runtime's official builds send usage events to their maker: since 1.29 on Linux and macOS, by an uploader that also keeps a device
identifier and a database in the user's cache; on Windows through the system's event tracing. The first reads the environment once, when the
library is loaded, so the package sets it as the very first thing it does, and our processes hand it on to their children. The second is
switched off by a call after loading (`companion.inference.backends.onnx.sessions`).

A model hub is contacted only where the player names a checkpoint that is not on this machine; even then its client counts nothing.
"""

from __future__ import annotations

from collections.abc import MutableMapping

# ONNX Runtime has used both of the first two names; which one a build reads depends on its version.
NO_TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",
    "ORT_TELEMETRY_DISABLED": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


def switch_off_telemetry(environment: MutableMapping[str, str]) -> None:
    """Set what keeps the libraries quiet, whatever was set before."""
    environment.update(NO_TELEMETRY)
