"""Secrets that lie in the keyring of the system."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from connectors.errors import CredentialError
from sync.workspace.secrets import resolve_secret


class OneKey(KeyringBackend):
    """A keyring that holds one secret."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return "from-the-ring" if (service, username) == ("personasync", "hubspot") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.mark.outside  # keyring asks the system for its libraries
def test_a_secret_comes_from_the_keyring(tmp_path: Path) -> None:
    def resolved(reference: str) -> str:
        return resolve_secret(reference, where="[connections.crm]", environment={}, directory=tmp_path).reveal()

    before = keyring.get_keyring()
    keyring.set_keyring(OneKey())  # type: ignore[no-untyped-call] # keyring types a part of itself
    try:
        assert resolved("keyring:hubspot") == "from-the-ring"
        with pytest.raises(CredentialError, match="the keyring has no entry 'mailchimp'"):
            resolved("keyring:mailchimp")
    finally:
        keyring.set_keyring(before)


@pytest.mark.outside
def test_a_machine_without_a_keyring_is_told(tmp_path: Path) -> None:
    from keyring.backends.fail import Keyring  # noqa: PLC0415 - what keyring uses where there is none

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call] # keyring types a part of itself
    try:
        with pytest.raises(CredentialError, match="Use env:NAME or file:PATH instead"):
            resolve_secret("keyring:hubspot", where="here", environment={}, directory=tmp_path)
    finally:
        keyring.set_keyring(before)
