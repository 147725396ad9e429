"""The form of saved plans: a number, and the digest of the lines of their changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

FORMAT = 1


def digest_of_lines(lines: Sequence[str]) -> str:
    """Return the digest of the changes of a plan, a line each: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()
