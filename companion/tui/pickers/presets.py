"""The preset that a performance came from, and new presets with its settings. `companion.config` reads and writes the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.errors import UsageError
from companion.session.api.settings import SessionSettings

if TYPE_CHECKING:
    from companion.config.presets import Preset

PresetSaver = Callable[[str, SessionSettings, dict[str, str]], str]


class PresetDesk:
    """launcher: what starts the performance; it has `options` if the performance came from a preset. ports: chosen since, by direction.

    saver: writes a preset, None: among the user's own. attached: the performance is another screen's.
    """

    def __init__(self, launcher: Any, saver: PresetSaver | None, attached: bool) -> None:
        self.launcher = launcher
        self._saver, self._attached = saver, attached
        self._present: SessionSettings | None = None
        self._stored: Mapping[str, SessionSettings] | None = None
        self.ports: dict[str, str] = {}

    @property
    def options(self) -> Any:
        """How the performance was started, None if that is not known."""
        return getattr(self.launcher, "options", None)

    @property
    def name(self) -> str:
        """The preset that the performance came from, "" for none."""
        preset = self.options.preset if self.options else None
        return preset.name if preset else ""

    def take_settings(self, settings: SessionSettings) -> None:
        """Everything is set like this now."""
        self._present = settings

    def take_stored(self, stored: Mapping[str, SessionSettings]) -> None:
        """These are the snapshots now."""
        self._stored = stored

    def settings(self, with_song: bool) -> SessionSettings:
        """What a preset keeps of the present performance: everything that is set, with the devices of the preset that it came from.

        Raises UsageError before the performance has told how it is set.
        """
        if self._present is None:
            raise UsageError("the performance has not begun: nothing is saved yet")
        base = self.options.settings if self.options else self._present
        from companion.session.snapshots.reading import with_devices_of  # needed only when a preset is saved

        present = with_devices_of(self._present, base)
        return replace(
            present,
            clock=replace(present.clock, bpm=round(present.clock.bpm, 2)),
            practice=present.practice if with_song else base.practice,
            snapshots=base.snapshots if self._stored is None else self._stored,
        )

    def save(self, name: str, with_song: bool) -> str:
        """Write the present performance as a preset; returns the file's path. Raises CompanionError."""
        from companion.config import presets

        settings = self.settings(with_song)
        if self._saver is not None:
            return self._saver(name, settings, self.ports)
        preset = (self.options.preset if self.options else None) or presets.Preset(name, name, settings)
        choice = presets.PortChoice(
            self.ports.get("in", preset.ports.input), self.ports.get("out", preset.ports.output)
        )
        chosen = replace(preset, name=name, title=preset.title or name, settings=settings, ports=choice)
        return str(presets.save_preset(chosen, name))

    def go_on_with(self, preset: Preset) -> SessionSettings:
        """Let the performance, which goes on, belong to another preset. Returns the settings that it is to have."""
        settings = replace(preset.settings, song=None)
        if not self._attached:
            self._start_with(preset, settings)
        if preset.settings.snapshots:
            self._stored = preset.settings.snapshots
        return settings

    def begin_with(self, preset: Preset) -> Any:
        """Return the launcher of a new performance with another preset."""
        self._start_with(preset, preset.settings, ports=preset.ports)
        self._present = self._stored = None
        self.ports.clear()
        return self.launcher

    def _start_with(self, preset: Preset, settings: SessionSettings, **more: Any) -> None:
        options = replace(self.options, settings=settings, preset=preset, title=preset.title, **more)
        self.launcher = replace(self.launcher, options=options)


def offered() -> list[tuple[str, str]]:
    """(name, title) of every preset. The title of an unreadable preset says that it cannot be read."""
    from companion.config import presets
    from companion.errors import ConfigError

    found = []
    for name, _ in presets.list_presets():
        try:
            found.append((name, presets.load_preset(name).title))
        except ConfigError as error:
            found.append((name, str(error)))
    return found
