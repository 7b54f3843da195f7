"""Compiles the kernels when the package is built or installed. Without a C compiler the package works too, with a slower engine."""

from __future__ import annotations

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # type: ignore[import-not-found]


class KernelsHook(BuildHookInterface):
    """Hatch calls `initialize` before it collects the files of a wheel or of an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """version: "standard" or "editable"."""
        if self.target_name != "wheel":
            return
        compiling = runpy.run_path(str(Path(self.root) / "companion/inference/backends/native/compiling.py"))
        try:
            library = compiling["compile_library"]()
        except compiling["CompilingError"] as error:
            self.app.display_warning(f"The fast CPU engine is left out, and ONNX Runtime plays instead: {error}")
            return
        # The library depends on the machine, not on the version of Python.
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(str(library.relative_to(self.root)))
