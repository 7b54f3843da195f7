"""Decodes text files from other programs: UTF-8, UTF-16, Shift-JIS or the Western Windows code page."""

from __future__ import annotations

import codecs
import unicodedata
from itertools import pairwise

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JAPANESE = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK", "FULLWIDTH", "IDEOGRAPHIC")
_TELLING = 0.4  # share of zero bytes at every other place from which a text is UTF-16 without a mark


def decode_text(data: bytes) -> str:
    """Return the text. Raises ValueError if the bytes are not text.

    Valid UTF-8 is read as UTF-8, because text in another encoding is hardly ever valid UTF-8. Bytes are read as Shift-JIS if they
    are valid and most of the letters are Japanese. Everything else is read as Windows-1252, in which ° and ø are single bytes.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(data.decode(encoding))
    if encoding := _utf16_without_mark(data):
        return _checked(data.decode(encoding))
    for encoding in ("utf-8", "cp932", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "cp932" or _is_japanese(text):
            return _checked(text)
    raise ValueError("not text")


def _utf16_without_mark(data: bytes) -> str:
    if len(data) < 4 or len(data) % 2:
        return ""
    half = len(data) // 2
    if data[1::2].count(0) > _TELLING * half and 0 not in data[::2]:
        return "utf-16-le"
    if data[::2].count(0) > _TELLING * half and 0 not in data[1::2]:
        return "utf-16-be"
    return ""


def _is_japanese(text: str) -> bool:
    """Whether the letters beyond ASCII are Japanese: most of them must be, and two must follow each other somewhere.

    Western letters that happen to form a valid pair become half-width kana, or a single kanji between Latin letters.
    """
    beyond = [letter for letter in text if letter > "\x7f"]
    japanese = [letter for letter in beyond if unicodedata.name(letter, "").split(" ")[0] in _JAPANESE]
    in_a_row = any(one in japanese and other in japanese for one, other in pairwise(text))
    return in_a_row and 2 * len(japanese) > len(beyond)


def _checked(text: str) -> str:
    if "\0" in text:
        raise ValueError("not text")
    return text
