"""Damaged files: read with one remark or refused in one line, in bounded time, and written back as they were read."""

from collections import Counter

import pytest

from tests.music.files import fuzz


def test_damaged_files_are_read_or_refused_and_written_back():
    found = Counter(fuzz.outcome(data) for data in fuzz.cases(150))
    assert set(found) <= {"refused", "one remark", "sound"}
    assert found["one remark"] > 50


@pytest.mark.parametrize("number", range(len(fuzz.seeds())))
def test_sound_files_are_written_back_as_they_were_read(number):
    assert fuzz.outcome(fuzz.seeds()[number]) in ("sound", "one remark")
