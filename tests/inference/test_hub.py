"""Checkpoints by name, against a small hub on loopback."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from companion.cli.main import run
from companion.inference.checkpoints import hub
from companion.inference.checkpoints.hub import choose_file

REPOSITORY = "Metacreation/MIDI-GPT"
REVISION = "0123456789abcdef0123456789abcdef01234567"


class TinyHub(ThreadingHTTPServer):
    """Serves files of one repository the way the real hub does: a listing, then HEAD and GET of resolve addresses."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], status: int = 200, code: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.status, self.code, self.requests = files, status, code, []
        self.ranges: list[str] = []  # of the downloads
        self.break_off_after = 0  # bytes of the next download that arrive, 0 = all
        self.etags: dict[str, str] = {}  # stated instead of the true ones
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        hub_server: TinyHub = self.server  # type: ignore[assignment]
        hub_server.requests.append((self.command, self.path))
        path = self.path.partition("?")[0]
        if hub_server.status != 200:
            return self._send(
                hub_server.status, b"{}", {"X-Error-Code": hub_server.code, "X-Error-Message": "no"}, with_body
            )
        if path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in hub_server.files.items()
            ]
            return self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"}, with_body)
        if path.startswith(f"/api/models/{REPOSITORY}"):
            siblings = [{"rfilename": name} for name in hub_server.files]
            info = {
                "id": REPOSITORY,
                "modelId": REPOSITORY,
                "sha": REVISION,
                "siblings": siblings,
                "private": False,
                "tags": [],
            }
            return self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"}, with_body)
        data = hub_server.files.get(path.rpartition("/")[2])
        if data is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
        etag = hub_server.etags.get(path.rpartition("/")[2], hashlib.sha256(data).hexdigest())
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION, "X-Linked-Size": str(len(data))}
        first = 0
        if with_body:
            wanted = self.headers.get("Range", "")
            hub_server.ranges.append(wanted)
            first = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self._send(206 if first else 200, data[first:], headers, with_body)

    def _send(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            hub_server: TinyHub = self.server  # type: ignore[assignment]
            arriving = hub_server.break_off_after
            broken = 0 < arriving < len(body)
            self.wfile.write(body[:arriving] if broken else body)
            if broken:
                hub_server.break_off_after = 0
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args) -> None:
        pass


def pull(name: str, home, endpoint: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`companion checkpoints pull` in a process of its own: the hub client reads its settings once, on import."""
    environment = {"PATH": "/usr/bin:/bin", "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HOME": str(home), **env}
    command = [sys.executable, "-m", "companion", "checkpoints", "pull", name, "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def pulled(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["path"]


def refused(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode in (1, 2), result.stdout
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("companion:")]
    assert len(lines) == 1
    assert "Traceback" not in result.stderr
    return lines[0]


def test_names_old_and_new():
    files = ["yellow.pt", "prism_medium-final.safetensors", "prism_medium-step900.safetensors", "README.md"]
    files += [
        "small-step50.safetensors",
        "small-step1000.safetensors",
        "small-step200.safetensors",
        "smaller-step9.safetensors",
    ]
    assert choose_file("yellow", files) == "yellow.pt"
    assert choose_file("prism_medium", files) == "prism_medium-final.safetensors"
    assert choose_file("small", files) == "small-step1000.safetensors"
    assert choose_file("prism", files) == "prism_medium-final.safetensors"
    assert choose_file("expressive", files) is None
    assert choose_file("README", files) is None


def test_the_published_names():
    """What the hub holds as of midigpt 0.4.2, the first generation's files, and our own small ones beside them."""
    files = ["yellow_medium-final.safetensors", "yellow_small-final.safetensors", "ghost.pt"]
    files += ["prism_medium-step58000.safetensors", "expressive_medium-step56000.safetensors"]
    found = {name: choose_file(name, files) for name in ("yellow", "prism", "expressive", "ghost")}
    assert found == {
        "yellow": "yellow_small-final.safetensors",
        "prism": "prism_medium-step58000.safetensors",
        "expressive": "expressive_medium-step56000.safetensors",
        "ghost": "ghost.pt",
    }
    assert choose_file("yellow_medium", files) == "yellow_medium-final.safetensors"
    assert choose_file("prism_small", files) is None
    assert choose_file("yellow", ["yellow.pt", *files]) == "yellow.pt"
    assert choose_file("prism", ["prism_medium-step9.safetensors", "prism_medium-step10.safetensors"]) is not None
    assert choose_file("prism", ["prism_medium-step9.safetensors", "prism_medium-step10.safetensors"]).endswith(
        "step10.safetensors"
    )
    assert not any(path.stem.endswith(("_small", "_medium", "_large")) for path in hub.shipped_checkpoints())


def test_the_licence_is_said_before_a_download_and_only_then(tmp_path, checkpoint_path):
    server = TinyHub({"prism_medium-step7.safetensors": checkpoint_path("yellow").read_bytes()})
    first = pull("prism", tmp_path, server.address)
    assert pulled(first).endswith("prism_medium-step7.safetensors")
    assert "non-commercial" in first.stderr
    assert "non-commercial" not in pull("prism", tmp_path, server.address).stderr
    assert pulled(pull("prism_medium", tmp_path, server.address, HF_HUB_OFFLINE="1")) == pulled(first)


def test_a_download_that_broke_off_goes_on_where_it_stopped(tmp_path):
    data = bytes(range(256)) * 100_000  # the hub's client keeps what has arrived in steps of 10 MB
    server = TinyHub({"tiny-final.safetensors": data})
    server.break_off_after = 15_000_000
    with open(pulled(pull("tiny", tmp_path, server.address)), "rb") as file:
        assert file.read() == data
    assert server.ranges[0] == ""
    assert 0 < int(server.ranges[-1].removeprefix("bytes=").removesuffix("-")) <= 15_000_000


def test_what_arrives_damaged_is_refused_and_not_kept(tmp_path, checkpoint_path):
    server = TinyHub({"tiny-final.safetensors": checkpoint_path("yellow").read_bytes()})
    server.etags["tiny-final.safetensors"] = "5" * 64
    assert "damaged" in refused(pull("tiny", tmp_path, server.address))
    server.etags.clear()
    assert pulled(pull("tiny", tmp_path, server.address))


def test_pull_downloads_once_then_works_offline(tmp_path, checkpoint_path):
    data = checkpoint_path("yellow").read_bytes()
    server = TinyHub({"tiny-step5.safetensors": b"old", "tiny-step40.safetensors": data, "other.pt": b"x"})
    path = pulled(pull("tiny", tmp_path, server.address))
    assert path.endswith("tiny-step40.safetensors")
    with open(path, "rb") as file:
        assert file.read() == data
    downloads = [request for request in server.requests if request[0] == "GET" and "resolve" in request[1]]
    assert len(downloads) == 1
    assert pulled(pull("tiny", tmp_path, server.address)) == path
    assert [request for request in server.requests if request[0] == "GET" and "resolve" in request[1]] == downloads
    server.shutdown()
    server.server_close()
    assert pulled(pull("tiny", tmp_path, server.address)) == path
    assert pulled(pull("tiny", tmp_path, server.address, HF_HUB_OFFLINE="1")) == path


def test_a_downloaded_checkpoint_is_used_without_asking_the_hub(tmp_path, monkeypatch, checkpoint_path):
    server = TinyHub({"tiny-step40.safetensors": checkpoint_path("yellow").read_bytes()})
    path = pulled(pull("tiny", tmp_path, server.address))
    asked = list(server.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    assert str(hub.find_checkpoint("tiny")) == path
    assert server.requests == asked


def test_a_hub_that_cannot_be_reached_is_not_tried_by_its_client(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda **_: pytest.fail("asked the hub's client"))
    with pytest.raises(hub.UnknownCheckpointError, match="cannot be reached") as refusal:
        hub.find_checkpoint("tiny")
    assert "\n" not in str(refusal.value)


def test_what_the_hub_lacks_is_said_with_what_it_has(tmp_path):
    message = refused(
        pull("purple", tmp_path, TinyHub({"yellow_small-final.safetensors": b"", "ghost.pt": b""}).address)
    )
    assert "'purple'" in message
    assert "ghost, yellow_small" in message


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "GatedRepo", "gated"),
        (404, "RepoNotFound", "no repository"),
        (401, "", "private"),
    ],
)
def test_gated_and_missing_repositories_are_told_apart(tmp_path, status, code, words):
    message = refused(pull("yellow_small", tmp_path, TinyHub({}, status, code).address, HF_HUB_DOWNLOAD_TIMEOUT="2"))
    assert words in message


def test_a_broken_hub_is_asked_again_and_then_said(tmp_path, monkeypatch, capsys):
    server = TinyHub({}, 500)
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    waits: list[float] = []
    # The hub's client waits between its tries, for half a minute in all.
    monkeypatch.setattr(time, "sleep", waits.append)
    assert run(["checkpoints", "pull", "yellow_small", "--json"]) == 2
    assert len(waits) == len(server.requests) - 1 > 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "error (500)" in output.err
    assert output.err.count("\n") == 1


def test_no_hub_at_all(tmp_path):
    message = refused(pull("yellow_small", tmp_path, "http://127.0.0.1:9"))
    assert "cannot be reached" in message
    assert "offline" in refused(pull("yellow_small", tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1"))


def test_shipped_checkpoints_come_first(tmp_path, monkeypatch, checkpoint_path):
    shipped = tmp_path / "yellow.pt"
    shipped.write_bytes(b"here")
    monkeypatch.setattr(hub, "SHIPPED_FOLDER", tmp_path)
    monkeypatch.setattr(hub, "pull_checkpoint", lambda name: pytest.fail("asked the hub"))
    assert hub.find_checkpoint("yellow") == shipped
    assert hub.find_checkpoint(checkpoint_path("ghost")) == checkpoint_path("ghost")
    with pytest.raises(hub.UnknownCheckpointError, match="no such checkpoint file"):
        hub.find_checkpoint("nowhere/yellow.pt")
