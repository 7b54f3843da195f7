"""What all tests share: how fast examples are made or run says something about the machine, not about the code; nothing is heard."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("companion", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("companion")
os.environ.setdefault("COMPANION_SOUND", "off")
