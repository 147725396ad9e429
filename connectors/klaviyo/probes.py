"""Tests of what is assumed of Klaviyo (connectors/evidence.toml), on the user's own account: they only read."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from connectors.base import JsonClient
from connectors.errors import PersonasyncError, RejectedError
from connectors.klaviyo.results import ORDERED, SENT, filter_any, klaviyo_entries
from connectors.probing import ProbeResult, SeenAnswer, Watch, held_if, run_probes, untestable
from connectors.transport import watched

BY_HAND = untestable("Only by hand: a person has to do something in the account first.")
CLICKED, MANY = "Clicked Email", 100


class ProbesOfKlaviyo:
    """What makes the connector one that has probes.

    Attributes:
        client: Of the account.
    """

    client: JsonClient

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Test what is assumed of Klaviyo on this account; see `connectors.connector.HasProbes`."""
        del address  # nothing is written
        seen: list[SeenAnswer] = []
        with watched(self.client.transport, seen.append, watch):
            yield from run_probes(
                {
                    "A33": partial(_limit, self.client, seen),
                    **dict.fromkeys(("A34", "A35", "A36"), lambda: BY_HAND),
                    "A37": partial(_many, self.client),
                    "A38": partial(_mails, self.client),
                    "A39": partial(_orders, self.client),
                    "A40": partial(_messages, self.client),
                }
            )

    def production(self) -> str:
        """Return why this may be no test account; see `connectors.connector.HasProbes`."""
        try:
            account = self.client.get("accounts")["data"][0]["attributes"]
        except PersonasyncError:
            return "Klaviyo does not tell whether this is a test account."
        return "" if account["test_account"] else "Klaviyo says that this is no test account."


def _limit(client: JsonClient, seen: Sequence[SeenAnswer]) -> ProbeResult:
    client.get("profiles", {"page[size]": 1})
    return held_if((seen[-1].header("RateLimit-Limit") or "").isdigit(), "The header is missing, or no plain number.")


def _many(client: JsonClient) -> ProbeResult:
    try:
        client.get("profiles", {"filter": filter_any("id", [f"01PROBE{number:019d}" for number in range(MANY)])})
    except RejectedError:
        return held_if(False, "A filter with a hundred ids was refused.")  # noqa: FBT003 - it is broken
    return held_if(True, "")  # noqa: FBT003 - it holds


def _newest(client: JsonClient, name: str) -> dict[str, Any] | None:
    """The properties of the newest event of a metric."""
    metrics = {m["attributes"]["name"]: m["id"] for m in klaviyo_entries(client, "metrics", {})}
    if name not in metrics:
        return None
    asked = {"filter": f'equals(metric_id,"{metrics[name]}")', "sort": "-datetime", "page[size]": 1}
    events = client.get("events", asked)["data"]
    return dict(events[0]["attributes"].get("event_properties") or {}) if events else None


def _mails(client: JsonClient) -> ProbeResult:
    wanted: Sequence[tuple[str, str]] = ((SENT, "$message"), (CLICKED, "$message"), (CLICKED, "URL"))
    shown = {name: _newest(client, name) for name, _ in wanted}
    if None in shown.values():
        return untestable("This account has no mail that was sent and clicked.")
    missing = [f"{key} of {name}" for name, key in wanted if key not in (shown[name] or {})]
    return held_if(not missing, f"Missing: {', '.join(missing)}.")


def _orders(client: JsonClient) -> ProbeResult:
    order = _newest(client, ORDERED)
    if order is None:
        return untestable("This account has no order.")
    missing = [name for name in ("$value", "$event_id") if name not in order]
    return held_if(not missing, f"Missing: {', '.join(missing)}.")


def _messages(client: JsonClient) -> ProbeResult:
    messages = client.get("campaign-messages", {"filter": 'equals(status,"sent")'})["data"]
    if not messages:
        return untestable("This account has no message that was sent.")
    options = [message["attributes"]["definition"].get("send_options") or {} for message in messages]
    return held_if(all(option.get("send_time") for option in options), "A message that was sent has no send_time.")
