"""The secret type never renders, and the redactor knows a secret in whatever form it stands."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from urllib.parse import quote

import pytest

from connectors.errors import ContractError
from connectors.secret import HIDDEN, Secret, SecretUrl, basic, hide, remember, url_without_secrets

VALUE = "pat-0a1b/2c3d+@\u00fc\"'\\"


def test_a_secret_renders_as_nothing_but_stars() -> None:
    secret = Secret(VALUE)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>3}",
        json.dumps(secret, default=str)[1:-1],
    ]

    assert set(shown) == {HIDDEN}
    assert (secret.reveal(), copy.deepcopy(secret).reveal()) == (VALUE, VALUE)
    assert pickle.loads(pickle.dumps(secret)) == HIDDEN  # noqa: S301 - our own
    assert (secret == Secret(VALUE), secret == Secret("x"), secret == VALUE) == (True, False, False)


def test_what_others_say_repeats_no_known_secret() -> None:
    secret = Secret(VALUE)
    header = basic("personasync", secret).reveal()
    inner = [base64.b64encode(b"x" * before + VALUE.encode() + b"yz").decode() for before in range(4)]
    said = [VALUE, quote(VALUE), quote(VALUE, safe=""), repr(VALUE), json.dumps(VALUE), header, *inner]

    for text in said:
        assert HIDDEN in hide(f"<{text}>"), text
        assert "0a1b" not in hide(f"<{text}>")
    assert VALUE not in str(ContractError("It broke.", fix=VALUE))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("duckdb", "duckdb"),
        ("sqlite:////srv/a@b/control.db", "sqlite:////srv/a@b/control.db"),
        ("postgresql://host:1/db", "postgresql://host:1/db"),
        ("postgresql://me:pa@ss/w:rd#@host/db?sslmode=x", "postgresql://***@host/db?sslmode=***"),
        ("postgresql://me:p?ss@host/db", "postgresql://***"),
        ("md:db?motherduck_token=abc", "md:db?motherduck_token=***"),
    ],
)
def test_an_address_renders_without_its_password(url: str, shown: str) -> None:
    address = SecretUrl(url)
    remember(address)

    assert (url_without_secrets(url), str(address), f"{address!r}") == (shown, shown, shown)
    assert address.reveal() == url
