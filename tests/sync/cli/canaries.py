"""Secrets that can be recognised in any output, however they are encoded there."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Canary:
    """One secret.

    Attributes:
        name: What is special about it.
        shape: The secret, "@" where its mark stands.
        usable: Whether it can be sent to a platform.
        raw: How the bytes of its file are made from the text.
    """

    name: str
    shape: str
    usable: bool = True
    raw: str = "utf-8"

    @property
    def mark(self) -> str:
        """A text that stands in this secret alone, and nowhere by chance."""
        return "k" + hashlib.sha256(self.name.encode()).hexdigest()[:15]

    @property
    def value(self) -> str:
        return self.shape.replace("@", self.mark)

    @property
    def content(self) -> bytes:
        """The file that holds it."""
        return self.value.encode(self.raw, "surrogateescape")


TOKENS = (
    Canary("plain", "pat-na1-@"),
    Canary("line end", "pat-@\r\n"),
    Canary("byte-order mark of Notepad", "\ufeffpat-@\r\n"),
    Canary("UTF-16 of PowerShell", "\ufeffpat-@\r\n", raw="utf-16-le"),
    Canary("signs of an address", "pat:@/?#&=+%@x"),
    Canary("percent-encoded", "pat%2F%40@%3D"),
    Canary("like base64", "cGF0+@/Zz09=="),
    Canary("quotes and backslashes", "\\'\"{@}\\n"),
    Canary("very long", "pat-@-" + "x" * 4000),
    Canary("smart quotes", "\u201cpat-@\u201d", usable=False),
    Canary("smart quote within", "pat-\u2019@", usable=False),
    Canary("zero-width space", "pat-\u200b@", usable=False),
    Canary("zero-width space behind", "pat-@\u200b", usable=False),
    Canary("byte-order mark within", "pat-@\ufeff@", usable=False),
    Canary("line break within", "pat-@\npat-@", usable=False),
    Canary("control character", "pat-\x07@", usable=False),
    Canary("escape sequence", "\x1b[31m@", usable=False),
    Canary("NUL", "pat-@\0", usable=False),
    Canary("no-break space", "pat-\u00a0@", usable=False),
    Canary("right-to-left mark", "\u202epat-@", usable=False),
    Canary("emoji", "pat-\U0001f600@", usable=False),
    Canary("letter of Latin-1", "pät-@", usable=False),
    Canary("broken UTF-8", "pat-\udcff@", usable=False),
)
MAILCHIMP = Canary("Mailchimp key", "@-us1")
HUBSPOT_SECRET = Canary("HubSpot client secret", "@")
SIGNING = (Canary("signing secret", "@"), Canary("signing secret of another audience", "@"))
PATH = Canary("secret part of a webhook's address", "@")
NAMED = Canary("token in the place of a variable's name", "pat-@")
STATE = Canary("password of state", "p%40ss@")
STATE_BROKEN = Canary("password of state that nobody encoded", "pa/ss@w:x#y")
STATE_QUERY = Canary("password in the query of state", "@")
ENGINE = Canary("password of engine", "p%2Fss@")
ENGINE_BROKEN = Canary("password of engine that nobody encoded", "pa[ss@")
ENGINE_QUERY = Canary("token in the query of engine", "@")
BASE = Canary("password of base_url", "@")
BASE_QUERY = Canary("token in the query of base_url", "@")
PUBLIC = Canary("password of public_url", "@")
EVERY = (
    *TOKENS, MAILCHIMP, HUBSPOT_SECRET, *SIGNING, PATH, NAMED, STATE, STATE_BROKEN, STATE_QUERY,
    ENGINE, ENGINE_BROKEN, ENGINE_QUERY, BASE, BASE_QUERY, PUBLIC,
)  # fmt: skip


def _forms(mark: str) -> set[bytes]:
    """The mark as text, as UTF-16, in hexadecimal digits, and in base64 at any place."""
    text = mark.encode()
    forms = {text, mark.encode("utf-16-le"), text.hex().encode()}
    for before in range(3):
        forms.add(base64.b64encode(b"\0" * before + text)[4 if before else 0 : -4])
    return forms


_MARKS = {form: canary.name for canary in EVERY for form in _forms(canary.mark)}
_ANY = re.compile(b"|".join(map(re.escape, _MARKS)))


def leaks_in(content: bytes) -> set[str]:
    """Return the names of the canaries that stand in *content*; a table may have broken their lines."""
    unbroken = re.sub(rb"\s+", b"", content)
    return {_MARKS[form] for text in (content, unbroken) for form in _ANY.findall(text)}


def leaks_below(folder: Path, *, but: Iterable[str]) -> set[str]:
    """Return "canary in file" for every canary in a file below *folder*, or in a file's name."""
    leaks = set()
    for path in folder.rglob("*"):
        where = str(path.relative_to(folder))
        content = path.read_bytes() if path.is_file() and path.name not in set(but) else b""
        leaks |= {f"{name} in {where}" for name in leaks_in(where.encode()) | leaks_in(content)}
    return leaks
