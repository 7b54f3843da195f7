"""Text from files of other programs: tells in which encoding it was written, and makes it safe to print.

Neither MIDI files nor chord charts name their encoding. Text in another encoding is hardly ever valid UTF-8 by chance, so UTF-8 comes
first. UTF-16 shows by its mark, or by zeros at every other byte. Shift-JIS and the Western Windows code page are told apart by the
letters that come out.
"""

from __future__ import annotations

import codecs
import unicodedata
from itertools import groupby

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TELLING = 0.4  # share of zeros at every other byte from which a text is UTF-16 without a mark
_TELLING_COUNT = 2  # and so many of them at least: a short name may end with a single zero
# Characters that change the direction of the following text, and so could make a line look different from its content.
_DIRECTION = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}


def decode_text(data: bytes, errors: str = "strict", cut: bool = False) -> str:
    """Return the text of bytes in an unknown encoding.

    errors: as for `bytes.decode`, for UTF-16; no other encoding is chosen unless it fits. Raises UnicodeDecodeError.
    cut: the bytes are the beginning of a longer text, and may end within a letter.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding, errors, cut)
    if encoding := _utf16_without_mark(data):
        return _decoded(data, encoding, errors, cut)
    for encoding in ("utf-8", "cp932"):
        try:
            text = _decoded(data, encoding, "strict", cut)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or _is_japanese(text):
            return text
    return "".join(_western(byte) for byte in data)


def printable(text: str) -> str:
    """Text for a screen or terminal: control characters and changes of direction are written as escapes, on one line."""
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def _decoded(data: bytes, encoding: str, errors: str, cut: bool) -> str:
    return codecs.getincrementaldecoder(encoding)(errors).decode(data, final=not cut)


def _utf16_without_mark(data: bytes) -> str:
    if len(data) % 2:
        return ""
    needed = max(_TELLING_COUNT, _TELLING * (len(data) // 2))
    first, second = data[0::2].count(0), data[1::2].count(0)
    if second >= needed and not first:
        return "utf-16-le"
    if first >= needed and not second:
        return "utf-16-be"
    return ""


def _is_japanese(text: str) -> bool:
    """Whether text decoded from Shift-JIS reads as Japanese, not as accented Western letters taken for Japanese ones.

    An accented letter and the letter behind it make one kanji between Latin letters. So kanji count if several stand together, away
    from Latin letters; kana count by themselves. Western capitals with accents become half-width kana, which count only in a text
    without Latin letters, and only if some of them stand for signs that no Western word has.
    """
    beyond = [letter for letter in text if letter > "\x7f"]
    half_width = [letter for letter in beyond if _script(letter) == "half-width"]
    japanese = [letter for letter in beyond if _script(letter) in ("kana", "kanji")]
    if not japanese:
        latin = any(_script(letter) == "latin" for letter in text)
        return len(half_width) >= 3 and not latin and any(letter < "\uff80" for letter in half_width)
    return 2 * (len(japanese) + len(half_width)) > len(beyond) and _has_japanese_words(text)


def _has_japanese_words(text: str) -> bool:
    scripts = ["", *map(_script, text), ""]
    start = 0
    for is_word, run in groupby(scripts, lambda script: script in ("kana", "kanji")):
        word = list(run)
        end = start + len(word)
        if is_word:
            stands_alone = not {scripts[start - 1], scripts[end]} & {"latin", "half-width"}
            if (len(word) > 1 and (stands_alone or "kana" in word)) or (stands_alone and word == ["kana"]):
                return True
        start = end
    return False


def _script(letter: str) -> str:
    if letter.isascii():
        return "latin" if letter.isalpha() else ""
    if "\u3040" <= letter <= "\u30ff":
        return "kana"
    if "\uff61" <= letter <= "\uff9f":
        return "half-width"
    return "kanji" if unicodedata.name(letter, "").split(" ")[0] in ("CJK", "FULLWIDTH", "IDEOGRAPHIC") else ""


def _western(byte: int) -> str:
    """A byte of the Western Windows code page, in which ° and ø are single bytes."""
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and ord(character) not in _DIRECTION


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if not "\ud800" <= character <= "\udfff" else "\ufffd"
