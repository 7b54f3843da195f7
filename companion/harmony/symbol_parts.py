"""Splits the text after the root of a chord symbol into its parts, in order. It does not decide what they mean together."""

from __future__ import annotations

import re
from dataclasses import dataclass

# These are tried in this order at every point. Words are read in upper and lower case; "M" is major and "m" is minor.
# "+" and "-" alter the degree that follows, but directly after the root they mean augmented and minor ("C+9", "A-11").
_PART = re.compile(
    r"(?P<add>(?i:add))(?P<added>[b#]?(?:2|3|4|6|9|11|13))"
    r"|(?P<omit>(?i:omit|no))(?P<omitted>[359])(?:rd|th)?"
    r"|(?P<sus>(?i:sus))(?P<suspended>2/?4|4/?2|[24])?"
    r"|(?P<alt>(?i:altered|alt))"
    r"|(?P<half>(?i:half-?dim(?:inished)?)|ø|h(?![a-z]))"
    r"|(?P<dim>(?i:diminished|dim)|o(?!m))"
    r"|(?P<alter>[b#+\-](?=5|9|11|13)|b(?=6|2)|\#(?=4|2))(?P<altered>13|11|9|6|5|4|2)"
    r"|(?P<aug>(?i:augmented|aug)|\+)"
    r"|(?P<major>(?i:major|maj|ma(?!dd|j))|\^|j)"
    r"|(?P<minor>(?i:minor|min|mi)|m|-)"
    r"|(?P<dominant>(?i:dominant|dom))"
    r"|(?P<bare_major>M)"
    r"|(?P<number>6/?9|13|11|9|7|6|5|4|2)"
)
_APART = frozenset("(,/ ")
_AFTER_ROOT = re.compile(r"(?P<minor>-)|(?P<aug>\+)(?!5)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a symbol.

    kind: "add", "omit", "sus", "alt", "half", "dim", "alter", "aug", "major", "minor", "dominant" or "number".
    value: the degree or number as digits ("69" for 6/9; "2", "4" or "24" for a suspension), "" for a bare quality.
    sign: "b", "#", "-" or "+" before the degree.
    apart: whether a number stands in brackets, after a slash or a comma, or after another quality. Such a number adds a tension
    and does not name the chord.
    """

    kind: str
    text: str
    value: str = ""
    sign: str = ""
    apart: bool = False


def split_parts(rest: str) -> list[Part]:
    """Return the parts of the text after the root. Raises ValueError for text that is not understood and for unbalanced brackets."""
    parts: list[Part] = []
    depth, at, apart = 0, 0, False
    while at < len(rest):
        sign = rest[at]
        if sign in "(), /":
            depth += {"(": 1, ")": -1}.get(sign, 0)
            follows = rest[at + 1 : at + 2]
            if depth not in (0, 1) or (sign in "(,/" and (not follows or follows in "),/")):
                raise ValueError(f"{rest[at:]!r} is not understood")
            apart = sign in _APART or depth > 0
            at += 1
            continue
        match = _match(rest, at)
        if not match:
            raise ValueError(f"{rest[at:]!r} is not understood")
        named = bool(parts) and parts[-1].kind == "major" and not apart  # Cm(maj9): the ninth of a chord of that name
        part = _part(match, apart or (depth > 0 and not named), parts)
        if part.kind == "number" and parts and parts[-1].kind == "number" and not part.apart:
            raise ValueError(f"{rest[at:]!r} is not understood")
        parts.append(part)
        at, apart = match.end(), False
    if depth:
        raise ValueError("a bracket is not closed")
    return parts


def _match(rest: str, at: int) -> re.Match[str] | None:
    """Return the part that begins here. A sign directly after the root is a quality, except in C+5."""
    return (_AFTER_ROOT.match(rest) if at == 0 else None) or _PART.match(rest, at)


def _part(match: re.Match[str], apart: bool, before: list[Part]) -> Part:
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    text = match.group()
    if "add" in found:
        degree = found["added"].lstrip("b#")
        return Part("add", text, degree, found["added"].removesuffix(degree))
    if "omit" in found:
        return Part("omit", text, found["omitted"])
    if "sus" in found:
        return Part("sus", text, "".join(sorted(found.get("suspended", "4").replace("/", ""))))
    if "alter" in found:
        return Part("alter", text, found["altered"], found["alter"])
    if "number" in found:
        second = bool(before) and any(part.kind == "number" for part in before) and before[-1].kind != "number"
        return Part("number", text, text.replace("/", ""), apart=apart or second)
    kind = next(iter(found))
    return Part("major" if kind == "bare_major" else kind, text)
