"""Tokens and keys: what is let in, for how long, and who may read the files. Times are given."""

from __future__ import annotations

import pytest

from companion.errors import CompanionError, UsageError
from companion.runtime.remote_engine.curve import new_keys, public_of
from companion.runtime.remote_engine.pairing import GuestStore, HostStore, read_token

DAY = 24 * 3600.0


def test_a_token_is_valid_once_and_the_guests_own_key_from_then_on(tmp_path):
    host, guest = HostStore(tmp_path / "host"), GuestStore(tmp_path / "guest")
    guest.accept(host.new_token(1000.0))
    (pairing,) = guest.candidates("tcp://a:1")
    one_time = public_of(pairing.token_secret)
    assert host.guest(pairing.public, 1001.0) is None
    assert host.guest(one_time, 1001.0) is not None
    assert host.exchange(one_time, pairing.public, "laptop", 1002.0)
    assert host.guest(one_time, 1003.0) is None
    assert host.guest(pairing.public, 10**9) is not None
    assert not host.exchange(one_time, new_keys()[0], "thief", 1004.0)
    assert [each.name for each in host.guests()] == ["laptop"]


def test_a_token_expires_after_a_day(tmp_path):
    host = HostStore(tmp_path)
    public = public_of(read_token(host.new_token(1000.0)).secret)
    assert host.guest(public, 1000.0 + DAY - 1) is not None
    assert host.guest(public, 1000.0 + DAY + 1) is None
    assert not host.exchange(public, new_keys()[0], "late", 1000.0 + DAY + 1)


def test_a_token_is_short_and_survives_line_breaks_and_nothing_else(tmp_path):
    token = HostStore(tmp_path).new_token(0.0)
    assert len(token) <= 80
    assert read_token(f" {token[:40]}\n{token[40:]} \n") == read_token(token)
    for damaged in (
        token[:-1],
        token + "A",
        token.replace(token[20], "A" if token[20] != "A" else "B", 1),
        "",
        "hello",
        "é",
    ):
        with pytest.raises(UsageError, match="no pairing token"):
            read_token(damaged)


def test_a_key_that_is_none_is_not_exchanged(tmp_path):
    host = HostStore(tmp_path)
    public = public_of(read_token(host.new_token(0.0)).secret)
    for key in ("", "short", "\x00" * 40, "é" * 40):
        assert not host.exchange(public, key, "laptop", 1.0)
    assert host.guest(public, 1.0) is not None


def test_only_the_user_may_read_the_keys(tmp_path):
    HostStore(tmp_path / "keys").new_token(0.0)
    GuestStore(tmp_path / "keys").accept(HostStore(tmp_path / "other").new_token(0.0))
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "keys").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name


def test_a_running_host_sees_what_another_process_has_changed(tmp_path):
    running, command = HostStore(tmp_path), HostStore(tmp_path)
    assert running.guest("nobody", 0.0) is None
    public = public_of(read_token(command.new_token(0.0)).secret)
    assert running.guest(public, 1.0) is not None
    own = new_keys()[0]
    running.exchange(public, own, "laptop", 2.0)
    assert command.forget("laptop") == 1
    assert running.guest(own, 3.0) is None


def test_the_pairing_last_used_at_an_address_is_tried_first_and_then_those_used_nowhere(tmp_path):
    guest = GuestStore(tmp_path / "guest")
    hosts = [HostStore(tmp_path / name) for name in "abc"]
    for host in hosts:
        guest.accept(host.new_token(0.0))
    first, second, third = (host.own_keys()[0] for host in hosts)
    guest.confirm(first, "tcp://one:1")
    guest.confirm(second, "tcp://two:1")

    def order(address: str) -> list[str]:
        return [pairing.host_public for pairing in guest.candidates(address)]

    assert order("tcp://two:1") == [second, third, first]
    assert order("tcp://new:1") == [third, second, first]
    assert all(not pairing.token_secret for pairing in guest.candidates("x") if pairing.host_public != third)


def test_pairing_again_with_the_same_host_replaces_the_pairing(tmp_path):
    host, guest = HostStore(tmp_path / "host"), GuestStore(tmp_path / "guest")
    guest.accept(host.new_token(0.0))
    guest.accept(host.new_token(1.0))
    assert len(guest.candidates("x")) == 1


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(CompanionError, match="damaged; delete it and pair again"):
        HostStore(tmp_path).guest("x", 0.0)
    (tmp_path / "host.json").write_text('{"public": "x", "secret": "y"}')
    with pytest.raises(CompanionError, match="damaged; delete it and pair again"):
        HostStore(tmp_path).own_keys()


def test_a_damaged_pairing_is_left_out(tmp_path):
    guest = GuestStore(tmp_path)
    guest.accept(HostStore(tmp_path / "host").new_token(0.0))
    text = (tmp_path / "guest.json").read_text()
    (tmp_path / "guest.json").write_text(text.replace('"public": "', '"public": "x'))
    assert guest.candidates("tcp://a:1") == []
