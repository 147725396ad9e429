"""Secrets by reference: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``; never the secret itself."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from connectors.errors import CredentialError, FixSettingsError
from connectors.secret import HIDDEN, Secret, remember

KINDS = ("env", "keyring", "file")
NOT_SET = "Set it, then run `personasync doctor`. `personasync help` lists how to connect each platform."
SERVICE = "personasync"
HOW = "Use env:NAME, keyring:NAME or file:PATH"
COPY = "Copy the secret again, without quotes or invisible characters, and run `personasync doctor`."
BOM = "\ufeff"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VISIBLE = re.compile(r"[!-~]")  # what a header of HTTP carries as it is
_UNNAMED = {"\n": "a line break", "\r": "a line break", "\t": "a tab", " ": "a space"}


def check_reference(reference: str, *, where: str) -> None:
    """Look at a reference without resolving it.

    Raises:
        FixSettingsError: It is no reference, perhaps the secret itself; the message does not repeat it.
    """
    if not reference:
        raise FixSettingsError(f"{where} is missing.", fix=f"{HOW}.")
    kind, colon, name = reference.partition(":")
    if not colon or kind not in KINDS or not name.strip():
        raise FixSettingsError(
            f"{where} is not a reference to a secret.", fix=f"{HOW}; never put the secret itself into the file."
        )


def resolve_secret(
    reference: str, *, where: str, environment: Mapping[str, str], directory: Path, several: bool = False
) -> Secret:
    """Return the secret; from now on no error, log or crash of this process repeats it.

    White space around it and a byte-order mark before it, which editors add, are taken off.

    Args:
        reference: ``env:NAME``, ``keyring:NAME`` (service "personasync") or ``file:PATH`` (relative to *directory*).
        where: Whose it is, for messages.
        environment: Environment variables.
        directory: The workspace's folder.
        several: Whether it may be several secrets, with white space between.

    Returns:
        The secret, masked when printed.

    Raises:
        FixSettingsError: It is no reference.
        CredentialError: There is no such secret, or it holds a character that no token has.
    """
    check_reference(reference, where=where)
    kind, _, name = reference.partition(":")
    if kind == "env":
        content, reason = environment.get(name), f"the environment variable {_shown(kind, name)} is not set"
    elif kind == "keyring":
        content, reason = _from_keyring(name, where), f"the keyring has no entry {name!r} for the service {SERVICE!r}"
    else:
        content, reason = _from_file(directory / name, where), f"the file {name} is missing or empty"
    value = (content or "").strip().removeprefix(BOM).strip()
    if not value:
        raise CredentialError(f"{where}: {reason}.", fix=NOT_SET)
    secret = Secret(value)
    remember(secret)
    parts = value.split() if several else [value]
    for part in parts:
        remember(Secret(part))
        _check_characters(part, where=f"{where} ({kind}:{_shown(kind, name)})")
    return secret


def _shown(kind: str, name: str) -> str:
    """A reference's name; what can be no variable may be the secret itself, and is not shown."""
    return HIDDEN if kind == "env" and not _VARIABLE.fullmatch(name) else name


def _check_characters(value: str, *, where: str) -> None:
    """Refuse a secret with a character that no platform's secrets have: an editor or a copy put it there."""
    for position, character in enumerate(value, start=1):
        if not _VISIBLE.fullmatch(character):
            raise CredentialError(f"{where}: character {position} is {_described(character)}.", fix=COPY)


def _described(character: str) -> str:
    """Name the kind of a character, for people who can't see it."""
    code = f"U+{ord(character):04X}"
    if character in _UNNAMED:
        return f"{_UNNAMED[character]} ({code})"
    if character.isalnum():  # it may belong to a password: only its kind is told
        return "a letter or digit outside ASCII"
    if unicodedata.category(character) == "Cc":
        return f"a control character ({code})"
    name = unicodedata.name(character, "unnamed character").lower().replace("zero width", "zero-width")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} ({code})"


def add_secret(reference: str, secret: Secret, *, directory: Path) -> bool:
    """Put a secret where *reference* points, on a line of its own behind what lies there.

    Args:
        reference: ``file:PATH`` or ``keyring:NAME``.
        secret: The secret.
        directory: The workspace's folder, from which a path counts.

    Returns:
        False where that is not for us to write: an environment variable, or no reference at all.
    """
    kind, _, name = reference.partition(":")
    if kind == "file":
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        before = path.read_bytes()
        with path.open("ab") as file:
            gap = b"\n" if before and not before.endswith(b"\n") else b""
            file.write(gap + secret.reveal().encode() + b"\n")
        return True
    return kind == "keyring" and _into_keyring(name, secret)


def _into_keyring(name: str, secret: Secret) -> bool:
    import keyring  # noqa: PLC0415 - asks the desktop; only those who use it should wait for it
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        before = keyring.get_password(SERVICE, name)
        keyring.set_password(SERVICE, name, "\n".join([*(before or "").split(), secret.reveal()]))
    except KeyringError:
        return False
    return True


def _from_keyring(name: str, where: str) -> str | None:
    import keyring  # noqa: PLC0415 - asks the desktop; only those who use it should wait for it
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        return keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise CredentialError(
            f"{where}: the keyring is not available.", fix="Use env:NAME or file:PATH instead."
        ) from error


def _from_file(path: Path, where: str) -> str | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        # PowerShell writes UTF-16 where it is not told otherwise
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8")
    except UnicodeDecodeError:
        # its error holds the bytes, so it is not kept as the cause
        raise CredentialError(f"{where}: the file {path.name} is not UTF-8 text.", fix="Save it as UTF-8.") from None
