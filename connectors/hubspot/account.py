"""The HubSpot account: its present, number and currency, also where a token may not read its details.

A service key may not: the details are listed under the scope ``oauth`` alone. Time then comes from a page of contacts;
the limits come from the headers of whatever answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.errors import MissingScopeError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import ACCOUNT, CONTACTS_PAGE

TEST_ACCOUNTS = frozenset({"DEVELOPER_TEST", "SANDBOX"})
"""Kinds of accounts in which nobody works."""


class Account:
    """One account.

    Attributes:
        details: As HubSpot sent them last; {} before, and where the token may not read them.
        readable: Whether the token may read them, as far as is known.
    """

    def __init__(self, api: HubSpotApi) -> None:
        self._api = api
        self.details: Mapping[str, Any] = {}
        self.readable = True

    def now(self) -> datetime:
        """Return HubSpot's present, UTC: one small request."""
        if self.readable:
            try:
                self.details = self._api.call(ACCOUNT)
            except MissingScopeError:
                self.readable = False
        if not self.readable:
            self._api.call(CONTACTS_PAGE, query={"limit": 1})
        return self._api.transport.present()

    @property
    def number(self) -> str:
        """The account's id, "" where it is not known."""
        return str(self.details.get("portalId") or "")

    @property
    def currency(self) -> str:
        """The company's currency, "" where it is not known."""
        return str(self.details.get("companyCurrency") or "")

    @property
    def kind(self) -> str:
        """HubSpot's word for the kind of account, "" where it is not known."""
        return str(self.details.get("accountType") or "")
