"""Text of any sensible encoding, and text that is safe to print."""

import pytest

from companion.music.files.text import decode_text, printable


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
        (b"Piano\0\0", "Piano"),
        (b"", ""),
        ("é".encode() * 600, "é" * 500),
        (b"x" + "é".encode() * 600, "x" + "é" * 499),
    ],
)
def test_text_is_read_in_its_own_encoding(data, text):
    assert decode_text(data) == text


def test_what_is_printed_moves_no_cursor():
    shown = printable("a\x1b[2J\x07\n\t\u202eb\u2028 é ピ 🎸 \ud800")
    assert shown == "a\\x1b[2J\\x07\\n\\t\\u202eb\\u2028 é ピ 🎸 \ufffd"
