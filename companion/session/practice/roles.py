"""Who plays the parts of a song: the player, the companion, or the song itself."""

from __future__ import annotations

from collections.abc import Callable

from companion.session.api.lane_commands import SetRole
from companion.session.commands.undoable import Undoable
from companion.session.extension import Context
from companion.session.lanes import Assignment


class Roles:
    """changed: called when somebody else plays a part."""

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self._context, self._changed = context, changed

    def set_role(self, wish: SetRole, now: float) -> None:
        """A written part becomes mine by giving it to the player's lane; any other role is the lane's own."""
        lanes, role = self._context.lanes, wish.role
        lane = lanes.find(wish.track)
        player = next((human for human in lanes.of("human") if human is not lane), None)
        if role == "human" and lane.song_track is not None and player is not None:
            lanes.set_song_track(player, lane.song_track)
            role = "silent"
        elif player is not None and player.song_track == lane.song_track and role == "companion":
            lanes.set_song_track(player, None)
        self._context.voices.end_lane(lane, now)
        lanes.set_role(lane, role)
        self._changed()

    def undoable(self) -> Undoable:
        """All roles as one thing, because one wish may change two of them."""
        return Undoable("roles", self._read, self._write, lambda roles: "who plays what", runs=False)

    def _read(self) -> dict[int, Assignment]:
        return {lane.index: self._context.lanes.assignment(lane) for lane in self._context.lanes}

    def _write(self, roles: dict[int, Assignment], now: float) -> bool:
        """Lanes that came later keep their roles."""
        lanes = self._context.lanes
        for lane in lanes:
            assigned = roles.get(lane.index)
            if assigned is not None and assigned != lanes.assignment(lane):
                self._context.voices.end_lane(lane, now)
                lanes.assign(lane, assigned)
        self._changed()
        return True
