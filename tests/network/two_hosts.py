"""Two hosts of a network on one machine: two network namespaces and a wire between them that delays, loses and can be cut.

The wire is a pair of TUN devices whose packets a thread carries across. The kernels' TCP sees real delay and real loss, and sends again
what was lost, as between two machines. (Linux has `netem` for this, which many kernels are built without.)
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TUN_DEVICE = "/dev/net/tun"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES = 1 << 16
DEVICE = "wire"


def missing() -> str:
    """Why no two hosts can be made here; "" if they can."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network namespaces need Linux and iproute2 (apt install iproute2)"
    if os.geteuid() != 0 or not os.access(TUN_DEVICE, os.R_OK | os.W_OK):
        return f"network namespaces need root and {TUN_DEVICE}"
    name = f"companion-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "this machine makes no network namespaces"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return ""


class Namespace:
    """A host of its own with one network address. `wire` is its end of the wire."""

    def __init__(self, name: str, address: str, peer: str) -> None:
        self.name, self.address = f"companion-{os.getpid()}-{name}", address
        self._ip(["netns", "add", self.name])
        with self.entered():
            self.wire = _open_tun()
            self._ip(["link", "set", "lo", "up"])
            self._ip(["address", "add", address, "peer", peer, "dev", DEVICE])
            self.plug_in()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread starts or opens meanwhile lives in the namespace."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as here:
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def plug_in(self) -> None:
        """Bring the network adapter up."""
        with self.entered():
            self._ip(["link", "set", DEVICE, "up"])

    def unplug(self) -> None:
        """Take the network adapter down: programs on this host are told at once that there is no way."""
        with self.entered():
            self._ip(["link", "set", DEVICE, "down"])

    def close(self) -> None:
        """Delete it. Processes in it live on without a network."""
        os.close(self.wire)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)

    @staticmethod
    def _ip(words: list[str]) -> None:
        subprocess.run(["ip", *words], check=True)


class Wire:
    """Carries packets between two hosts. delay_seconds: each way; loss: probability from 0 to 1 that a packet is lost."""

    def __init__(self, one: Namespace, other: Namespace, seed: int = 1) -> None:
        self.delay_seconds = self.loss = 0.0
        self.is_cut = False
        self.carried = self.lost = 0
        self._ends = {one.wire: other.wire, other.wire: one.wire}
        self._chance = random.Random(seed)
        self._under_way: deque[tuple[float, int, bytes]] = deque()
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        os.close(self._waker)
        self._thread.join(5)
        os.close(self._wake)

    def _carry(self) -> None:
        while True:
            wait = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            readable = select.select([*self._ends, self._wake], [], [], wait)[0]
            if self._wake in readable:
                return
            for end in readable:
                self._take(end)
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, end, packet = self._under_way.popleft()
                with suppress(OSError):  # the adapter is down
                    os.write(end, packet)

    def _take(self, end: int) -> None:
        try:
            packet = os.read(end, PACKET_BYTES)
        except OSError:
            return
        if self.is_cut or self._chance.random() < self.loss:
            self.lost += 1
            return
        self.carried += 1
        self._under_way.append((time.monotonic() + self.delay_seconds, self._ends[end], packet))


def _open_tun() -> int:
    """A new TUN device in the namespace of this thread."""
    device = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return device


def _enter(namespace: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
