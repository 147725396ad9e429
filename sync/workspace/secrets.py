"""Secrets by reference: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``; never the secret itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.errors import CredentialError, FixSettingsError

KINDS = ("env", "keyring", "file")
SERVICE = "personasync"
HOW = "Write env:NAME, keyring:NAME or file:PATH"


def check_reference(reference: str, *, where: str) -> None:
    """Look at a reference without resolving it.

    Raises:
        FixSettingsError: It is no reference, perhaps the secret itself; the message does not repeat it.
    """
    if not reference:
        raise FixSettingsError(f"{where} is missing.", mend=f"{HOW}.")
    kind, colon, name = reference.partition(":")
    if not colon or kind not in KINDS or not name.strip():
        raise FixSettingsError(
            f"{where} is no reference to a secret.", mend=f"{HOW}; a secret itself never belongs into the file."
        )


def resolve_secret(reference: str, *, where: str, environment: Mapping[str, str], directory: Path) -> str:
    """Return the secret.

    Args:
        reference: ``env:NAME``, ``keyring:NAME`` (service "personasync") or ``file:PATH`` (relative to *directory*).
        where: Whose it is, for messages.
        environment: Environment variables.
        directory: The workspace's folder.

    Raises:
        FixSettingsError: It is no reference.
        CredentialError: There is no such secret.
    """
    check_reference(reference, where=where)
    kind, _, name = reference.partition(":")
    if kind == "env":
        found, told = environment.get(name), f"the environment variable {name} is not set"
    elif kind == "keyring":
        found, told = _from_keyring(name, where), f"the keyring has no {name!r} for the service {SERVICE!r}"
    else:
        found, told = _from_file(directory / name), f"the file {name} is missing or empty"
    if found is None or not found.strip():
        raise CredentialError(f"{where}: {told}.", mend="Set it, then run `personasync doctor`.")
    return found.strip()


def add_secret(reference: str, secret: str, *, directory: Path) -> bool:
    """Put a secret where *reference* points; False where that is not for us to write: an environment variable."""
    kind, _, name = reference.partition(":")
    if kind == "file":
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secret + "\n", "utf-8")
        return True
    return kind == "keyring" and _into_keyring(name, secret)


def _into_keyring(name: str, secret: str) -> bool:
    import keyring  # noqa: PLC0415 - asks the desktop; only those who use it should wait for it
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        keyring.set_password(SERVICE, name, secret)
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
            f"{where}: the keyring can't be asked.", mend="Use env:NAME or file:PATH instead."
        ) from error


def _from_file(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
