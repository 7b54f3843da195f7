"""Reads iReal Pro links (irealb:// and irealbook://), playlists, and the HTML pages that the program exports.

A link holds songs as fields between equals signs. An irealbook:// link has the chart as plain text. In an irealb:// link, parts of
each piece of 50 signs are reversed, and three short pairs stand for frequent longer ones. `ireal_cells` translates the chart's
signs into the lines of our own charts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from companion.charts.imports.ireal_cells import chart_text
from companion.errors import ChartError

_LINK = re.compile(r"ireal(?P<kind>b|book)://(?P<body>[^\"'<>\s]+(?: [^\"'<>\n]*)?)")
_SCRAMBLED = "1r34LbKcu7"  # stands before every scrambled chart
_PIECE = 50
_SHORT_FOR = (("XyQ", "   "), ("LZ", " |"), ("Kcl", "| x"))
_BOOK_FIELDS = 6


@dataclass(frozen=True, slots=True)
class IrealSong:
    """A song of a playlist: its chart in the program's own signs, with its title and other details. bpm: 0 = not given."""

    title: str
    composer: str
    style: str
    key: str
    signs: str
    bpm: int = 0


def holds_ireal(text: str) -> bool:
    """Whether a text contains an iReal Pro link."""
    return _LINK.search(html.unescape(text)) is not None


def read_playlist(text: str, name: str) -> tuple[IrealSong, ...]:
    """Return all songs of all links in a text or page. Raises ChartError if there are none or one is damaged."""
    songs: list[IrealSong] = []
    for link in _LINK.finditer(html.unescape(text)):
        body = unquote(link["body"])
        songs.extend(_book_songs(body, name) if link["kind"] == "book" else _scrambled_songs(body, name))
    if not songs:
        raise ChartError(f"{name}: no song in the iReal link")
    return tuple(songs)


def choose_song(songs: Sequence[IrealSong], wanted: str, name: str) -> IrealSong:
    """Return the song with this number (from 1) or title, or the only song. Raises ChartError, which lists the songs."""
    if not wanted and len(songs) == 1:
        return songs[0]
    if wanted.isdecimal() and 1 <= int(wanted) <= len(songs):
        return songs[int(wanted) - 1]
    exact = [song for song in songs if song.title.lower() == wanted.lower()]
    partly = [song for song in songs if wanted and wanted.lower() in song.title.lower()]
    for found in (exact, partly):
        if len(found) == 1:
            return found[0]
    titles = ", ".join(f"{number} {song.title}" for number, song in enumerate(songs, 1) if not partly or song in partly)
    what = f"no one song {wanted!r} in this playlist" if wanted else f"a playlist of {len(songs)} songs"
    raise ChartError(f"{name}: {what}: choose one by number or title ({shortened(titles)})")


def shortened(text: str, length: int = 300) -> str:
    """Shorten a list so that it fits a few lines."""
    return text if len(text) <= length else text[:length] + " …"


def song_text(song: IrealSong) -> str:
    """Return the song as the text of a chart."""
    swing = re.search(r"swing|shuffle|blues|jazz|be-?bop", song.style, re.IGNORECASE)
    head = [f"Title: {song.title}", f"Feel: {'swing' if swing else 'straight'}"]
    if re.fullmatch(r"[A-G][b#]?-?", song.key):
        head.append(f"Key: {song.key.replace('-', 'm')}")
    if 20 <= song.bpm <= 400:
        head.append(f"Tempo: {song.bpm}")
    return "\n".join((*head, *chart_text(song.signs)))


def unscramble(signs: str) -> str:
    """Unscramble a chart and remove its mark."""
    pieces: list[str] = []
    while len(signs) > _PIECE + 1:
        pieces.append(turned(signs[:_PIECE]))
        signs = signs[_PIECE:]
    text = "".join((*pieces, signs))
    for short, meant in _SHORT_FOR:
        text = text.replace(short, meant)
    return text


def turned(piece: str) -> str:
    """Swap the first and last five of 50 signs, and the 14 on either side of the middle two, end for end. It is its own inverse."""
    signs = list(piece)
    for place in (*range(5), *range(10, 24)):
        signs[place], signs[_PIECE - 1 - place] = signs[_PIECE - 1 - place], signs[place]
    return "".join(signs)


def _scrambled_songs(body: str, name: str) -> Iterator[IrealSong]:
    for text in body.split("==="):
        before, mark, after = text.partition(_SCRAMBLED)
        if not mark:
            continue  # the playlist's name
        fields = [field.strip() for field in before.split("=") if field.strip()]
        if len(fields) < 3:
            raise ChartError(f"{name}: a song of the iReal link has no title, style and key")
        title, style, key = fields[0], fields[-2], fields[-1]
        if not _is_key(key):  # a transposition may stand behind the key
            style, key = fields[-3], fields[-2]
        signs, *rest = after.split("=")
        bpm = next((int(field) for field in rest[1:] if field.isdecimal()), 0)
        composer = fields[1] if len(fields) > 3 else ""
        yield IrealSong(title, composer, style, key, unscramble(signs), bpm)


def _book_songs(body: str, name: str) -> Iterator[IrealSong]:
    fields = body.split("=")
    if len(fields) < _BOOK_FIELDS:
        raise ChartError(f"{name}: the irealbook link is cut short (expected title=composer=style=key=n=chords)")
    for first in range(0, len(fields) - _BOOK_FIELDS + 1, _BOOK_FIELDS):
        title, composer, style, key, _, signs = fields[first : first + _BOOK_FIELDS]
        yield IrealSong(title.strip(), composer.strip(), style.strip(), key.strip(), signs)


def _is_key(text: str) -> bool:
    return re.fullmatch(r"[A-G][b#]?-?", text) is not None
