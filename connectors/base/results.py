"""Campaigns, what became of their mails, and orders: a connector hands over plain values, and rows are made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base.protocols import (
    ActsByCampaign,
    ActsByTime,
    CampaignSource,
    MailAct,
    MailSent,
    OrderSource,
    SourceCampaign,
    SourceOrder,
)
from connectors.base.reading import first_found, moment, optional_at, required_at
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, ORDERS, Cursor, Page, platform_key
from connectors.table_schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa

LATE = timedelta(hours=1)  # what comes late is read again, and what came while the first page was read


def read_campaign(spec: Mapping[str, Any], answer: Mapping[str, Any], *, state: str = "sent") -> SourceCampaign:
    """Return a campaign out of an answer, where the spec's ``[campaigns]`` says.

    Args:
        spec: Of the connector.
        answer: The platform's record of it.
        state: "sent" or "sending".

    Returns:
        The campaign; a total is None where the platform gives none.
    """
    where = spec["campaigns"]
    totals = {name: [optional_at(answer, path) for path in paths] for name, paths in where["totals"].items()}
    return SourceCampaign(
        str(required_at(answer, where["id"])),
        first_found(answer, where["name"]),
        moment(first_found(answer, where["sent_at"])),
        subject=first_found(answer, where["subject"]),
        state=state,
        totals={name: _sum(name, values) for name, values in totals.items()},
        counted=" ".join(str(optional_at(answer, path)) for path in where["counted"]),
        record=answer,
    )


def _sum(name: str, values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return None if not known else sum(known) if name == "revenue" else int(sum(known))


@dataclass(frozen=True, slots=True)
class Results:
    """Makes pages of what a connector hands over.

    Attributes:
        connection: Its name, which rows carry.
    """

    connection: str

    def campaigns(self, source: CampaignSource) -> Iterator[Page]:
        """Yield all campaigns."""
        yield self._page(CAMPAIGNS, [_campaign_row(campaign) for campaign in source.campaigns()], {"read": "all"})

    def activity(
        self, source: ActsByCampaign | ActsByTime, known: Cursor, now: Callable[[], datetime]
    ) -> Iterator[Page]:
        """Yield deliveries and engagements: of campaigns that counted something, or since the last reading.

        Args:
            source: Of mails.
            known: The cursor of the last reading: figures by campaign, or a moment.
            now: Returns the platform's time, UTC; called when something was read.

        Returns:
            Pages, of which the last one carries the cursor.
        """
        if isinstance(source, ActsByCampaign):
            campaigns = list(source.campaigns())
            for part in source.acts_of([each for each in campaigns if each.counted != known.get(each.id)]):
                yield from self._acts(list(part))
            figures = {campaign.id: campaign.counted for campaign in campaigns}
            yield self._page(ENGAGEMENTS, [], {**figures, "read": "all"})
            return
        began: datetime | None = None
        for part in source.acts_since(moment(known.get("since"))):
            began = began or now()
            yield from self._acts(list(part))
        yield self._page(ENGAGEMENTS, [], _since(began or now()))

    def _acts(self, part: Sequence[MailSent | MailAct]) -> Iterator[Page]:
        mails = [act for act in part if isinstance(act, MailSent)]
        acts = [act for act in part if isinstance(act, MailAct)]
        yield self._page(DELIVERIES, [{**self._of(mail), "status": mail.status} for mail in mails])
        rows = [{**self._of(act), "event_id": act.id, "kind": act.kind, "url": act.url} for act in acts]
        yield self._page(ENGAGEMENTS, rows)

    def _of(self, act: MailSent | MailAct) -> dict[str, Any]:
        key = platform_key(self.connection, act.contact)
        return {"campaign_id": act.campaign, "contact_key": key, "at": act.at}

    def orders(self, source: OrderSource, known: Cursor, now: Callable[[], datetime]) -> Iterator[Page]:
        """Yield orders, all or since the last reading; as `activity`."""
        total, began = 0, None
        for part in source.orders_since(moment(known.get("since"))):
            began = began or now()
            rows = [self._order_row(order) for order in part]
            total += len(rows)
            yield self._page(ORDERS, rows)
        yield self._page(ORDERS, [], _since(began or now()), total)

    def _order_row(self, order: SourceOrder) -> dict[str, Any]:
        return {
            "order_id": order.id,
            "contact_key": order.contact and platform_key(self.connection, order.contact),
            "at": order.at,
            "amount": order.amount,
            "currency": order.currency,
            "state": order.state,
        }

    def _page(
        self,
        table: TableSchema,
        rows: Iterable[Mapping[str, Any]],
        cursor: Mapping[str, str] | None = None,
        total: int | None = None,
    ) -> Page:
        named = [{"connection": self.connection, **row} for row in rows]
        return Page(table.name, _table(named, table), cursor, total)


def _since(began: datetime) -> dict[str, str]:
    return {"since": (began - LATE).isoformat()}


def _table(rows: Sequence[Mapping[str, Any]], table: TableSchema) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - many commands read nothing

    return pa.Table.from_pylist(list(rows), schema=table.columns)


def _campaign_row(campaign: SourceCampaign) -> dict[str, Any]:
    return {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "subject": campaign.subject,
        "state": campaign.state,
        "sent_at": campaign.sent_at,
        **campaign.totals,
    }
