"""The stand-ins: a connector to each, on a clock on which nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.connector import Connection, Connector
from connectors.secret import Secret
from connectors.spec import ConnectorSpec
from tests.described.brevo_platform import BrevoContact
from tests.described.brevo_stand import BrevoStand
from tests.described.klaviyo_stand import KlaviyoStand


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the laws be `long`, but for those about what is written, as those of the other connectors are."""
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        if item.path.name == "test_laws_of_mailers.py" and params["law"].group != "writing":
            item.add_marker(pytest.mark.long)


def connected(
    spec: ConnectorSpec, factory: Callable[[Connection], Connector], url: str, key: str, **more: Any
) -> Connector:
    """Return a connector that is told of the fields that every connection has."""
    usual = [field for field in spec.fields if not field.optional]
    connection = Connection(
        "email",
        {"base_url": url},
        spec.as_mapping(),
        Secret(key),
        groups=("buyers", "walkers"),
        owned=tuple(field.name for field in usual),
        kinds={field.name: field.type for field in usual},
    )
    return factory(replace(connection, **more))


@pytest.fixture
def klaviyo() -> Iterator[KlaviyoStand]:
    stand = KlaviyoStand()
    with stand.platform:
        yield stand


@pytest.fixture
def brevo() -> Iterator[BrevoStand]:
    stand = BrevoStand()
    with stand.platform:
        stand.platform.attributes |= {"PS_SEGMENT": "text", "PS_CONFIDENCE": "float"}
        yield stand


def opened(stand: BrevoStand | KlaviyoStand, **limits: int) -> Any:
    """Return the connector, with limits in their place."""
    spec = stand.spec.model_copy(update={"limits": {**stand.spec.limits, **limits}})
    return connected(spec, stand.factory, stand.base_url, stand.secret)


def rows(pages: Any, table: str) -> list[dict[str, Any]]:
    return [row for page in pages if page.table == table for row in page.rows.to_pylist()]


def sent_to_two(brevo: BrevoStand) -> tuple[int, list[BrevoContact]]:
    """A campaign to two people."""
    people = brevo.platform.list_named("everybody")
    contacts = [brevo.platform.contacts[int(brevo.add(f"{name}@people.test"))] for name in ("ada", "bo")]
    for contact in contacts:
        contact.lists.append(people)
    return brevo.platform.send("November", people), contacts
