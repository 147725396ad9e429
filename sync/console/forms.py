"""What a browser sends with a form: fields, and for some forms one file."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from sync.surveys.spreadsheet import MOST_BYTES as MOST_OF_FILE

MOST_BYTES = 1_000_000
"""Of a form without its file."""
MOST_FIELDS = 1_000
READ_ON = 2 * 2**30
"""Bytes of a file that is too large which are read and dropped: a browser shows no answer while it is sending."""
TOO_LARGE = f"The file has more than {MOST_OF_FILE // 2**20} MB. Remove columns that are not needed, or take a sample."


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent with a form; *name* as its owner calls it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form.

    Attributes:
        fields: Name and text, in their order.
        upload: Its file; None: none was chosen.
    """

    fields: tuple[tuple[str, str], ...]
    upload: Upload | None = None


class TooLargeError(Exception):
    """The file has more bytes than are read."""


async def read_form(request: Request, *, upload: bool) -> SentForm | None:
    """Return what was sent; None where it is no form, or a broken one.

    Args:
        request: A post.
        upload: Whether a file may come with it.

    Raises:
        TooLargeError: The file is too large; all of it was read, so that the browser waits for the answer.
    """
    kind = request.headers.get("content-type", "")
    plain = kind.startswith("application/x-www-form-urlencoded")
    if not plain and not (upload and kind.startswith("multipart/form-data")):
        return None
    try:
        body = await _body(request, MOST_BYTES if plain else MOST_OF_FILE + MOST_BYTES)
        if body is None:
            if plain:
                return None
            raise TooLargeError
        return SentForm(_plain(body)) if plain else await form_in_parts(request.headers, body)
    except (ClientDisconnect, UnicodeDecodeError, ValueError):
        return None


async def _body(request: Request, most: int) -> bytes | None:
    """The bytes; None where there are more than *most*."""
    body, seen = bytearray(), 0
    async for piece in request.stream():
        seen += len(piece)
        if seen <= most:
            body += piece
        elif most == MOST_BYTES or seen > READ_ON:
            return None
        else:
            body.clear()
    return bytes(body) if seen <= most else None


def _plain(body: bytes) -> tuple[tuple[str, str], ...]:
    fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    return tuple((name, value.replace("\r\n", "\n")) for name, value in fields)


async def form_in_parts(headers: Headers, body: bytes) -> SentForm | None:
    """Return the parts of a form with a file (RFC 7578); None where it is broken, or has more than one file.

    Args:
        headers: With Content-Type and its boundary.
        body: All that was sent.
    """
    if not body.rstrip(b"\r\n").endswith(b"--"):  # the parser takes a form that is cut off for one that has ended
        return None
    limits = {"max_files": 1, "max_fields": MOST_FIELDS, "max_part_size": MOST_BYTES}
    try:
        form = await MultiPartParser(headers, _once(body), **limits).parse()
    except (MultiPartException, FormParserError):
        return None
    fields: list[tuple[str, str]] = []
    upload: Upload | None = None
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.append((_spelled(name), value.replace("\r\n", "\n")))
        elif (content := await value.read()) or value.filename:
            upload = Upload(_spelled(value.filename or ""), content)
    await form.close()
    return SentForm(tuple(fields), upload)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _spelled(name: str) -> str:
    """A name as it was: browsers spell out a quotation mark and the ends of lines, and nothing else."""
    return re.sub(r"%(?:22|0D|0A)", lambda spelled: unquote(spelled[0]), name, flags=re.IGNORECASE)
