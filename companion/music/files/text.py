"""Text in files: decodes bytes in their author's encoding, and makes text safe to print.

The standard names no encoding. UTF-8 is tried first, since other text is hardly ever valid UTF-8 by chance; UTF-16 shows itself
by its mark or by its zero bytes; Shift-JIS is told from Windows' Latin text by its kana, or by whole words of kanji.
"""

from __future__ import annotations

import codecs
import unicodedata

LONGEST_TEXT = 1_000
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Characters that change the direction of the following text, and so could make a line look different from its content.
_DIRECTION = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}


def decode_text(data: bytes) -> str:
    """The text of a meta event, at most 1,000 bytes of it, without trailing zero bytes. Never fails."""
    data = data[:LONGEST_TEXT]
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").rstrip("\0")
    if encoding := _wide_encoding(data):
        return data.decode(encoding, "replace").rstrip("\0")
    data = data.rstrip(b"\0")
    for encoding in ("utf-8", "cp932"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            if encoding == "utf-8" and len(data) >= LONGEST_TEXT - 3 and error.start >= len(data) - 3:
                return data[: error.start].decode("utf-8")
            continue
        if encoding == "utf-8" or _is_japanese(text):
            return text
    return "".join(_latin(byte) for byte in data)


def printable(text: str) -> str:
    """Text for a screen or terminal: control characters and changes of direction are written as escapes, on one line."""
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of mostly Latin text is zero."""
    if len(data) < 4 or len(data) % 2:
        return ""
    high, low = data[0::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if low >= 0.6 * half and high == 0:
        return "utf-16-le"
    if high >= 0.6 * half and low == 0:
        return "utf-16-be"
    return ""


def _is_japanese(text: str) -> bool:
    """Whether text decoded from Shift-JIS reads as Japanese, not as accented Latin letters taken for Japanese ones."""
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return True
    # Kanji alone: a Latin letter with an accent makes one of them between Latin letters, Japanese words are of several.
    kanji = sum("\u4e00" <= character <= "\u9fff" for character in text)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    half_width = [character for character in text if "\uff61" <= character <= "\uff9f"]
    if kanji >= 2 and latin == 0 and not half_width:
        return True
    # Half-width kana share their bytes with Latin capitals (from 0xC0) and signs (below).
    return len(half_width) >= 3 and latin == 0 and kanji == 0 and any(character < "\uff80" for character in half_width)


def _latin(byte: int) -> str:
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and ord(character) not in _DIRECTION


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if not "\ud800" <= character <= "\udfff" else "\ufffd"
