"""Text of any sensible encoding, and text that is safe to print."""

import pytest

from companion.music.files.events import meta, meta_text
from companion.music.text import decode_text, printable


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Lead", "Lead"),
        ("Übung ♭".encode(), "Übung ♭"),
        ("Bläser".encode("utf-8-sig"), "Bläser"),
        ("Гитара".encode("utf-16"), "Гитара"),
        (b"\xfe\xff" + "ピアノ".encode("utf-16-be"), "ピアノ"),
        ("Strings".encode("utf-16-le"), "Strings"),
        ("ピアノ".encode("cp932"), "ピアノ"),
        ("ドラム 2".encode("cp932"), "ドラム 2"),
        ("弦楽合奏".encode("cp932"), "弦楽合奏"),
        ("ﾋﾟｱﾉ".encode("cp932"), "ﾋﾟｱﾉ"),
        ("Ténor".encode("cp1252"), "Ténor"),
        ("Señor Flügel – “é”".encode("cp1252"), "Señor Flügel – “é”"),
        ("ÀÉÈ".encode("cp1252"), "ÀÉÈ"),
        ("Baß Gitarre für Übung".encode("cp1252"), "Baß Gitarre für Übung"),
        (b"\x81\xff", "\x81ÿ"),
        (b"Pia\0", "Pia\0"),
        (b"Pi\0\0", "Pi\0\0"),
        (b"", ""),
        ("弦楽 Strings".encode("cp932"), "弦楽 Strings"),
        ("| C | 枯葉 |".encode("cp932"), "| C | 枯葉 |"),
        ("ﾄﾞﾗﾑ ドラム".encode("cp932"), "ﾄﾞﾗﾑ ドラム"),
        ("Pi".encode("utf-16-le"), "Pi"),
    ],
)
def test_text_is_read_in_its_own_encoding(data, text):
    assert decode_text(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "Às vezes",
        "Für Élise",
        "Mañana",
        "naïve café",
        "Ærø",
        "São João",
        "téléphone",
        "| C | D° | Fø | G7 | ‚Ähnlich‘ „Öfter“",
    ],
)
def test_western_text_is_not_taken_for_japanese(text):
    assert decode_text(text.encode("cp1252")) == text


def test_a_text_that_was_cut_loses_no_more_than_its_last_letter():
    assert decode_text("né".encode()[:-1], cut=True) == "n"
    assert decode_text("né".encode()[:-1]) == "nÃ"
    assert decode_text("ドラム".encode("cp932")[:-1], cut=True) == "ドラ"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"Piano\0\0", "Piano"),
        ("é".encode() * 600, "é" * 500),
        (b"x" + "é".encode() * 600, "x" + "é" * 499),
        (b"\xff\xfe\x00\xd8", "\ufffd"),
    ],
)
def test_the_text_of_a_meta_event(body, text):
    assert meta_text(meta(1, body)) == text


def test_what_is_printed_moves_no_cursor():
    shown = printable("a\x1b[2J\x07\n\t\u202eb\u2028 é ピ 🎸 \ud800")
    assert shown == "a\\x1b[2J\\x07\\n\\t\\u202eb\\u2028 é ピ 🎸 \ufffd"
