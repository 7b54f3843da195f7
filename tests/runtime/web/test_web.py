"""The screen in a browser: who may see it, what its page loads, and a real visit by HTTP and WebSocket on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from companion.cli.playing.serve_command import links
from companion.runtime.attach.server import ScreenServer
from companion.runtime.attach.sockets import listen
from companion.runtime.ipc.protocol import Performing
from companion.runtime.remote.shared import SharedPerformance
from companion.runtime.web import page
from companion.runtime.web.guard import WRONG_LINK, WRONG_SITE, Guard, guard_of, host_name
from companion.session.api.commands import command
from companion.session.api.settings import SessionSettings
from tests.tui.scripted import ScriptedPerformance, snapshot_at

LOCAL, OPEN = Guard("127.0.0.1"), Guard("192.168.1.5", "secret-of-tonight")


# --- the guard ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost"])
def test_on_loopback_this_machine_needs_no_token(host: str) -> None:
    assert LOCAL.fault({"Host": host}, {}, {}) == ""
    assert LOCAL.fault({"Host": host, "Origin": f"http://{host}"}, {}, {}) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:8000", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1:8000", "Origin": "null"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:9000"},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {},
    ],
)
def test_pages_of_other_sites_are_refused_on_loopback(headers: dict[str, str]) -> None:
    assert LOCAL.fault(headers, {}, {}) == WRONG_SITE


def test_elsewhere_the_token_is_asked_for() -> None:
    headers = {"Host": "192.168.1.5:8000"}
    assert OPEN.fault(headers, {"token": "secret-of-tonight"}, {}) == ""
    assert OPEN.fault(headers, {}, {OPEN.cookie: "secret-of-tonight"}) == ""
    for wrong in ({}, {"token": ""}, {"token": "secret"}, {"token": "sécret"}):
        assert OPEN.fault(headers, wrong, {}) == WRONG_LINK
    other_site = {**headers, "Origin": "http://evil.example"}
    assert OPEN.fault(other_site, {"token": "secret-of-tonight"}, {}) == WRONG_SITE


def test_each_open_server_has_a_token_of_its_own() -> None:
    assert guard_of("127.0.0.1").token == guard_of("::1").token == ""
    assert guard_of("127.0.0.1", always=True).token
    tokens = {guard_of(host).token for host in ("0.0.0.0", "192.168.1.5", "::")}
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)


def test_host_names_without_their_port() -> None:
    assert [host_name(text) for text in ("a:1", "a", "[::1]:80", "[::1]", "")] == ["a", "a", "::1", "::1", ""]


def test_links_hold_the_token() -> None:
    assert links("127.0.0.1", 8000, "") == ["http://127.0.0.1:8000/"]
    assert links("192.168.1.5", 80, "abc") == ["http://192.168.1.5:80/?token=abc"]
    assert links("::1", 80, "") == ["http://[::1]:80/"]


# --- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_from_elsewhere() -> None:
    text = page.page("a <title>")
    assert "a &lt;title&gt;" in text
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']([^"']+)""", text) == [
        "data:,",
        "/static/css/xterm.css",
        "/static/fonts/RobotoMono-VariableFont_wght.ttf",
        "/static/js/textual.js",
    ]
    policy = page.headers("127.0.0.1:8000")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8000" in policy
    assert "http:" not in policy
    assert "evil" not in page.headers("evil;script-src *")["Content-Security-Policy"]


# --- a real visit ------------------------------------------------------------------------------------------------------


@pytest.fixture
def performance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedPerformance]:
    """A performance that screens can attach to."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = ScriptedPerformance(lambda seconds: snapshot_at(9.1, now_seconds=seconds))
    server = screens_of(made)
    yield made
    server.close()


def screens_of(performance: ScriptedPerformance) -> ScreenServer:
    """The performance, where screens can attach to it."""
    settings = SessionSettings(tracks=())
    server = ScreenServer(
        SharedPerformance(performance).observe(), Performing(os.getpid(), "evening", settings), *listen()
    )
    server.start()
    return server


def started(*options: str) -> tuple[subprocess.Popen[str], str]:
    """`companion serve` on a free port, and the link that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "companion", "serve", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ended(process: subprocess.Popen[str], how: int = signal.SIGINT) -> int:
    """End the server; its screens end too."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    status = process.wait(15)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive, "no screen is left behind"
    return status


async def screen_text(visit: aiohttp.ClientWebSocketResponse, wanted: str, seconds: float = 40.0) -> str:
    """What has come over the WebSocket, once it holds the wanted text."""
    text, end = "", time.monotonic() + seconds
    while wanted not in text:
        message = await visit.receive(timeout=max(end - time.monotonic(), 0.1))
        assert message.type == aiohttp.WSMsgType.BINARY, message
        text += message.data.decode("utf-8", "replace")
    return text


async def state_of(browser: aiohttp.ClientSession, link: str) -> str:
    """What a page whose connection has ended is told."""
    async with browser.get(f"{link}state") as answer:
        return await answer.text()


async def until_sent(performance: ScriptedPerformance, wish: object) -> None:
    end = time.monotonic() + 20
    while wish not in performance.sent:
        assert time.monotonic() < end, performance.sent
        await asyncio.sleep(0.02)


async def test_a_phone_sees_the_stage_view_and_taps_a_call(performance) -> None:
    process, link = started()
    try:
        async with aiohttp.ClientSession() as browser:
            async with browser.get(link) as answer:
                assert answer.status == 200
                assert 'id="terminal"' in await answer.text()
                assert answer.headers["Referrer-Policy"] == "no-referrer"
            for asset in ("js/textual.js", "css/xterm.css", "fonts/RobotoMono-VariableFont_wght.ttf"):
                async with browser.get(f"{link}static/{asset}") as answer:
                    assert answer.status == 200
            async with browser.ws_connect(f"{link}ws?width=45&height=30", origin=link.rstrip("/")) as visit:
                await visit.send_json(["resize", {"width": 45, "height": 30}])
                await screen_text(visit, "break")
                await visit.send_json(["stdin", "p"])
                await until_sent(performance, command("panic"))
                # A tap is a press and a release of the left button, as the terminal in the browser reports them (columns from 1).
                await visit.send_json(["stdin", "\x1b[<0;21;26M\x1b[<0;21;26m"])
                await until_sent(performance, command("break"))
    finally:
        assert ended(process) == 0


async def test_the_page_says_when_there_is_nothing_to_show_and_shows_what_begins_later(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    process, link = started()
    try:
        async with aiohttp.ClientSession() as browser:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await browser.ws_connect(f"{link}ws")
            assert refused.value.status == 409
            assert await state_of(browser, link) == "No performance is running."
            performance = ScriptedPerformance(lambda seconds: snapshot_at(9.1, now_seconds=seconds))
            server = screens_of(performance)
            async with browser.ws_connect(f"{link}ws?width=80&height=24") as visit:
                await screen_text(visit, "PANIC")
                assert await state_of(browser, link) == "", "a page that was closed may come back"
                server.close()
                while (message := await visit.receive(timeout=20)).type == aiohttp.WSMsgType.BINARY:
                    pass
                assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), "the browser says so"
    finally:
        ended(process)


async def test_others_are_refused(performance) -> None:
    process, link = started()
    try:
        async with aiohttp.ClientSession() as browser:
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await browser.ws_connect(f"{link}ws", headers=headers)
                assert refused.value.status == 403
            async with browser.get(f"{link}ws?width=100000000") as answer:
                assert answer.status == 400
            async with browser.get(f"{link}static/") as answer:
                assert answer.status in (403, 404), "no list of files"
    finally:
        ended(process)


async def test_on_another_address_the_link_has_a_token_and_nothing_works_without(performance) -> None:
    process, link = started("--host", "0.0.0.0")
    port, token = re.fullmatch(r"http://[^:]+:(\d+)/\?token=(\S+)", link).groups()  # type: ignore[union-attr]
    here = f"http://127.0.0.1:{port}/"
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            for path in ("", "ws", "static/js/textual.js", "?token=wrong"):
                async with browser.get(here + path) as answer:
                    assert answer.status == 403
                    assert token not in await answer.text()
            async with browser.get(f"{here}?token={token}") as answer:
                assert answer.status == 200
                assert "HttpOnly" in answer.headers["Set-Cookie"]
                assert "SameSite=Strict" in answer.headers["Set-Cookie"]
            async with browser.ws_connect(f"{here}ws?width=80&height=24") as visit:
                await screen_text(visit, "PANIC")
    finally:
        ended(process)


async def test_a_killed_server_leaves_no_screen_behind(performance) -> None:
    process, link = started()
    try:
        async with aiohttp.ClientSession() as browser, browser.ws_connect(f"{link}ws?width=80&height=24") as visit:
            await screen_text(visit, "PANIC")
            ended(process, signal.SIGKILL)
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "somewhere"), "--host somewhere: not an IP address"),
        (("--port", "70000"), "--port must be from 0 to 65535"),
        (("--host", "192.0.2.1"), "192.0.2.1:0: "),
    ],
)
def test_wrong_addresses_are_one_line(performance, options: tuple[str, ...], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "companion", "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"companion: {said}")
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line(performance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "companion", "serve", "--port", port], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 2
    assert "ddress already in use" in done.stderr
