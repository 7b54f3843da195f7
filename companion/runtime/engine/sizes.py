"""The sizes of one checkpoint in the engine process. The smallest is loaded first; the others do not hold up the music.

A size whose graph is built already loads in a second or two, and all such are loaded before the engine says that it is ready. A
graph that must still be built takes longer: a process of its own builds it on what the others leave of a core, while the smaller
size plays, and a thread then loads what was built. `poll` hands the larger size over between two requests.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from companion.errors import CheckpointError, CompanionError
from companion.inference.backends.select import has_built_graph
from companion.inference.checkpoints.family import Family, Member, affordable, find_family
from companion.runtime.engine.graph_builder import ENVIRONMENT
from companion.runtime.engine.worker import Worker
from companion.runtime.machine.memory import available_bytes, return_freed_memory
from companion.session.api.engine_events import EngineEvent, EngineReady, LoadedSize
from companion.session.api.engine_names import is_remote
from companion.session.api.settings import ModelSettings

if TYPE_CHECKING:
    from companion.runtime.engine.far_size import FarSize

BUILDER = "companion.runtime.engine.graph_builder"
BUILD_PATIENCE_SECONDS = 600.0
SLOW_BPM = 100.0  # where even the smallest window is in time only below this tempo, loading says so
BEATS_A_BAR = 4


class Opener(Protocol):
    """How a size is loaded: `Worker.open`, or a test's own."""

    def __call__(self, member: Member, engine: str) -> Worker: ...


@dataclass(frozen=True, slots=True)
class _Size:
    """A loaded size."""

    member: Member
    worker: Worker
    loaded: LoadedSize


def open_member(member: Member, engine: str) -> Worker:
    """Load one size; raises CheckpointError, GenerationError or RequestValidationError."""
    return Worker.open(member.path, engine, member.name)


def build_graph(member: Member, engine: str) -> str:
    """Build a size's graph in another process; "" or one line that says why it could not be built."""
    command = [sys.executable, "-m", BUILDER, str(member.path), engine]
    environment = {**os.environ, **ENVIRONMENT}
    patience = BUILD_PATIENCE_SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error).splitlines()[0]
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return "the system ended the process that builds its graph (too little memory?)"
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"its graph could not be built (status {done.returncode})"


class LoadedSizes:
    """All sizes of one checkpoint that could be loaded; `workers` by name, largest first.

    Raises CheckpointError, GenerationError or RequestValidationError if no size can be loaded.
    """

    def __init__(
        self,
        model: ModelSettings,
        available_bytes: Callable[[], int] = available_bytes,
        opener: Opener = open_member,
        is_built: Callable[[Member, str], bool] = lambda member, engine: has_built_graph(member.path, engine),
        build: Callable[[Member, str], str] = build_graph,
        measure: Callable[[Worker], LoadedSize] = Worker.loaded,
        measure_later: Callable[[Worker], LoadedSize] = Worker.loaded_during_music,
        far: FarSize | None = None,
        remarks: tuple[str, ...] = (),
    ) -> None:
        """far: a size on another machine. remarks: for the player, besides those on the sizes.

        With an engine on another machine only the smallest size is loaded here, as a stand-in.
        """
        self.model = model
        self._open, self._build, self._measure, self._measure_later = opener, build, measure, measure_later
        family = affordable(find_family(model.checkpoint), available_bytes())
        self.far, self._engine = far, "auto" if is_remote(model.engine) else model.engine
        if is_remote(model.engine):
            family = Family(family.name, family.members[-1:], family.remarks)
        self._remarks = [*remarks, *family.remarks]
        self._sizes: list[_Size] = []
        self._arrived: queue.SimpleQueue[_Size | str] = queue.SimpleQueue()
        self._closed = threading.Event()
        waiting = self._load_at_once(family, is_built)
        if waiting:
            threading.Thread(target=self._load_later, args=(waiting,), name="larger sizes", daemon=True).start()

    def _load_at_once(self, family: Family, is_built: Callable[[Member, str], bool]) -> list[Member]:
        """Load the smallest size that can be loaded and every larger one that is built; returns those left to build."""
        waiting: list[Member] = []
        fault: CompanionError | None = None
        for member in reversed(family.members):
            if self._sizes and not is_built(member, self._engine):
                waiting.append(member)
                continue
            try:
                self._sizes.insert(0, self._load(member, self._measure))
            except CompanionError as error:
                fault = error
                self._remarks.append(f"{member.name} cannot be used: {_first_line(error)}")
        if self._sizes:
            self._remarks += remarks_on(self._sizes[-1].loaded)
            plays = self._sizes[-1].member.name
            self._remarks += [
                f"{member.name} is prepared for this machine, once: {plays} plays meanwhile" for member in waiting
            ]
        else:
            raise fault or CheckpointError(f"{family.name}: no size could be loaded")
        return waiting

    def _load(self, member: Member, measure: Callable[[Worker], LoadedSize]) -> _Size:
        try:
            worker = self._open(member, self._engine)
            loaded = measure(worker)
            return_freed_memory()
            return _Size(member, worker, loaded)
        except MemoryError:
            raise CheckpointError(f"{member.name} does not fit into memory") from None

    def _load_later(self, members: list[Member]) -> None:
        """Run in a thread: build and load, and leave the result for `poll`."""
        for member in members:
            fault = self._build(member, self._engine)
            if self._closed.is_set():
                return
            if fault:
                self._arrived.put(f"{member.name} cannot be used: {fault}")
                continue
            try:
                self._arrived.put(self._load(member, self._measure_later))
            except CompanionError as error:
                self._arrived.put(f"{member.name} cannot be used: {_first_line(error)}")

    def poll(self) -> EngineReady | None:
        """An event for the session when another size was loaded or could not be loaded."""
        try:
            arrived = self._arrived.get_nowait()
        except queue.Empty:
            return None
        if isinstance(arrived, str):
            self._remarks.append(arrived)
        else:
            self._sizes.append(arrived)
            self._sizes.sort(key=lambda size: -size.loaded.checkpoint.parameters)
        return self.ready(joined=True)

    def ready(self, joined: bool = False) -> EngineReady:
        """What is loaded. Each remark is handed over once."""
        loaded = [size.loaded for size in self._sizes]
        if self.far is not None:
            self._remarks += self.far.take_remarks()
            loaded = [*self.far.loaded, *loaded]
        first, *smaller = loaded
        remarks, self._remarks = tuple(self._remarks), []
        return EngineReady(first.checkpoint, first.warm_seconds, tuple(smaller), remarks, joined)

    def look_far(self) -> list[EngineEvent]:
        """What has come from another machine since the last call."""
        if self.far is None:
            return []
        events, changed = self.far.look()
        return [*events, self.ready(joined=True)] if changed else events

    @property
    def names(self) -> frozenset[str]:
        """The names of the loaded sizes."""
        return frozenset(size.member.name for size in self._sizes)

    def worker(self, name: str) -> Worker:
        """The size of that name, or the largest if there is no such size (any more)."""
        named = (size.worker for size in self._sizes if size.member.name == name)
        return next(named, self._sizes[0].worker)

    def close(self) -> None:
        """Free all sizes."""
        self._closed.set()
        if self.far is not None:
            self.far.close()
        for size in self._sizes:
            size.worker.close()


def remarks_on(loaded: LoadedSize) -> list[str]:
    """Remarks for the player on the smallest loaded size: where it is too slow, and which controls are unknown."""
    checkpoint = loaded.checkpoint
    found: list[str] = []
    seconds = min((seconds for _, seconds in loaded.warm_seconds), default=0.0)
    bpm = 60 * BEATS_A_BAR / seconds if seconds else SLOW_BPM
    if bpm < SLOW_BPM:
        found.append(
            f"{checkpoint.name} takes {seconds:.1f} s for a bar on this machine: it is in time up to about {int(bpm)} BPM in 4/4"
        )
    if checkpoint.unknown_controls:
        found.append(
            f"{checkpoint.name} has controls that this version does not know ({', '.join(checkpoint.unknown_controls)}): "
            "it plays without them"
        )
    return found


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
