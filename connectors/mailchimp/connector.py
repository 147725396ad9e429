"""The Mailchimp connector: implements the protocol of `connectors.connector` for one audience."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

import pyarrow as pa
import requests
from tenacity.nap import sleep as nap

from connectors.connector import (
    Connection,
    Known,
    Still,
    Traffic,
    Webhook,
    as_given,
    nobody,
    refuse_foreign_fields,
)
from connectors.errors import CredentialError, FixSettingsError, NotFoundError, PersonasyncError
from connectors.events import Delivery, PlatformEvent
from connectors.fetched import Fetched
from connectors.mailchimp import fields, push, webhooks
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.by_id import MembersById
from connectors.mailchimp.campaigns import LATEST_ACTIVITY, CampaignReport, Campaigns
from connectors.mailchimp.consents import consents_since
from connectors.mailchimp.events import check_mailchimp, mailchimp_events
from connectors.mailchimp.forms import MailchimpForms
from connectors.mailchimp.groups import InterestGroups
from connectors.mailchimp.member_stream import MemberStream
from connectors.mailchimp.members import FIELDS, INTERESTS, KEPT_ALWAYS, STATUSES, TAGGED, Members
from connectors.mailchimp.probes import WRITING, MailchimpProbes
from connectors.mailchimp.read_back import MemberReadBack
from connectors.mailchimp.refusals import MEND_KEY, translate
from connectors.mailchimp.shop import Shop
from connectors.mailchimp.tag_stream import HELD, TagStream
from connectors.mailchimp.tags import Tags
from connectors.mailchimp.templates import MergeTags
from connectors.mailchimp.times import mailchimp_moment
from connectors.probing import ProbeResult, Watch, run_probes
from connectors.records import (
    INTEREST_GROUP,
    TABLES,
    Change,
    Cursor,
    FieldDefinition,
    Finding,
    Outcome,
    Page,
    SetupStep,
)
from connectors.secret import Secret, basic
from connectors.transport import ReadsAnswers, Slots, Transport, account_book, until_silence, watched

USUAL_ANSWER = 0.25  # seconds; Mailchimp limits connections and not a rate, so that time is what a request costs
LOOKS = 2  # at a job until it is finished, usually


class Mailchimp(MailchimpForms, ReadsAnswers):
    """One audience."""

    dialect = MergeTags()

    streams = ("contacts", "memberships", "orders")
    result_streams = ("campaigns", "activity")

    def __init__(self, connection: Connection, *, session: requests.Session | None = None) -> None:
        manifest, name, (key, audience, base_url) = connection.manifest, connection.name, _checked(connection)
        self.name, self.traffic = name, Traffic()
        self._connection, self._audience, self._limits = connection, audience, manifest["limits"]
        connections = self._limits["connections"]
        book = account_book(connection, base_url, key, "connections")
        slots = Slots(connections, book=book, share=self._limits["service_percent"] / 100)
        self._transport = Transport(
            base_url=base_url,
            hosts=manifest["hosts"],
            download_hosts=manifest["download_hosts"],
            auth=basic("personasync", key),
            budgets={"": slots},
            translate=translate,
            traffic=self.traffic,
            connections=connections,
            session=session,
        )
        self._api = MailchimpApi(self._transport)
        wanted = [*connection.mapped, *connection.owned]
        self._groups = InterestGroups(self._api, audience, wanted, size=self._limits["page"])
        also, answers = (INTERESTS, self._groups.answers) if self._groups.wanted else ("", None)
        self._members = Members(
            self._api, audience, size=self._limits["page"], workers=connections, fields=FIELDS + also, also=also
        )
        self.reads = tuple(dict.fromkeys([*KEPT_ALWAYS, *wanted]))
        self._stream = MemberStream(self._api, connection, self._members, wanted=wanted, answers=answers)
        size = self._limits["page"]
        self._tags = Tags(self._api, audience, prefix=manifest["group_prefix"], size=size, workers=connections)
        holders = self._members.showing(HELD)
        self._tag_stream = TagStream(name, holders, self._tags, groups=connection.groups, old=self._old)
        self._shop = Shop(self._api, name, audience, size=size)
        self._campaigns = Campaigns(self._api, name, audience, size=self._limits["report_page"])
        tagged = self._members.showing(TAGGED + also)
        self._look = MemberReadBack(
            self._api, tagged, self._tags, kinds=connection.kinds, workers=connections, wait=nap
        )
        self._fetch = MembersById(
            name,
            tagged,
            self._tags,
            groups=connection.groups,
            wanted=wanted,
            kinds=connection.kinds,
            workers=connections,
            answers=answers,
        )
        self._writer = self._field_writer()

    def _field_writer(self) -> push.FieldWriter:
        return push.FieldWriter(
            self._api,
            self._audience,
            skip_merge_validation=self._connection.manifest["skip_merge_validation"],
            kinds=self._connection.kinds,
            workers=self._limits["connections"],
            together=self._limits["batch"],
            wait=nap,
        )

    # -- reading -------------------------------------------------------------------------------------------
    def now(self) -> datetime:
        """Return Mailchimp's present, UTC: one small request."""
        self._api.call(self._api.sdk.ping.get)
        return self._transport.present()

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield pages of a stream; see the Protocol."""
        readers = {
            "memberships": self._tag_stream.read,
            "orders": self._read_orders,
            "campaigns": self._read_campaigns,
            "activity": self._read_activity,
        }
        try:
            yield from self._stream.read(cursor, known) if stream == "contacts" else readers[stream](cursor)
        except NotFoundError as error:
            if self._audience in str(error):
                raise self._no_audience() from error
            raise

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return some members as they are now; see the Protocol."""
        return self._fetch.some(ids, addresses)

    def consents(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return members whose status may have changed; see the Protocol."""
        del ids, addresses  # the newest changes are as few requests
        return consents_since(self.name, self._members.showing(STATUSES), cursor)

    def _old(self, cursor: Cursor) -> tuple[bool, str]:
        """Tell whether a stream without time stamps has to be read as a whole, and when it was last or is now."""
        present, read_at = self._transport.platform_time, mailchimp_moment(cursor.get("read_at"))
        again = timedelta(hours=self._limits["reread_hours"])
        if read_at is None or present is None or present - read_at >= again:
            return True, present.isoformat() if present else ""
        return False, read_at.isoformat()

    def _read_orders(self, cursor: Cursor) -> Iterator[Page]:
        """Orders carry no time of change: a store is read again when its number of orders is another, or daily."""
        total = str(self._shop.all_orders())
        old, read_at = self._old(cursor)
        known = {key: value for key, value in cursor.items() if key.startswith("store ")}
        if old or total != cursor.get("total"):
            for store in self._shop.stores():
                count = str(self._shop.count(store))
                if not old and known.get(f"store {store}") == count:
                    continue
                for orders, lines in self._shop.orders(store):
                    yield Page("orders", orders, None, int(count))
                    yield Page("order_lines", lines)
                known[f"store {store}"] = count
        following = {"read_at": read_at, "total": total, **known}
        yield Page("orders", TABLES["orders"].columns.empty_table(), following)

    def _mails(self, cursor: Cursor) -> list[CampaignReport]:
        return self._campaigns.sent(self.now() - LATEST_ACTIVITY if cursor else None)

    def _read_campaigns(self, cursor: Cursor) -> Iterator[Page]:
        yield Page("campaigns", self._campaigns.rows(self._mails(cursor)), {"read": "once"})

    def _read_activity(self, cursor: Cursor) -> Iterator[Page]:
        """All of a mail's activity when its totals moved, none of it when they did not."""
        mails = self._mails(cursor)
        parents = {mail.parent for mail in mails}
        known = {mail.id: cursor[mail.id] for mail in mails if mail.id in cursor}
        for mail in mails:
            if mail.id in parents or known.get(mail.id) == mail.figures:
                continue
            for rows in self._campaigns.deliveries(mail):
                yield Page("deliveries", rows)
            for rows in self._campaigns.engagements(mail):
                yield Page("engagements", rows)
            known[mail.id] = mail.figures
        yield Page("engagements", TABLES["engagements"].columns.empty_table(), {"read": "once", **known})

    # -- writing -------------------------------------------------------------------------------------------
    def missing(self, fields_wanted: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Return what the audience lacks; see the Protocol."""
        plan = self._connection.settings.get("plan", "")
        try:
            steps = list(
                fields.missing_merge_fields(
                    self._api, self.name, self._audience, fields_wanted, self._limits, plan=plan
                )
            )
        except NotFoundError as error:
            raise self._no_audience() from error
        prefix = self._connection.manifest["group_prefix"]
        absent = [group for group in groups if self._tags.id_of(group) is None]
        return [*steps, *(SetupStep(self.name, "create_group", group, f"tag {prefix + group!r}") for group in absent)]

    def fields(self) -> dict[str, FieldDefinition]:
        """Return the audience's merge fields, and its groups where [consent] names one; see the Protocol."""
        named = self._groups.all() if self._groups.wanted else {}
        chosen = {name: FieldDefinition(name, name.removeprefix(INTEREST_GROUP), "enumeration") for name in named}
        return fields.defined(self._api, self._audience) | chosen

    def create(self, step: SetupStep) -> None:
        """Do one step of `missing`, unless somebody was faster."""
        if step.action == "create_group":
            if self._tags.id_of(step.name) is None:
                self._tags.create(step.name)
        elif step.field is not None and step.field.name not in fields.present_merge_fields(self._api, self._audience):
            fields.create_merge_field(self._api, self._audience, step.field)

    def webhooks(self) -> list[Webhook]:
        """Return where the audience sends events; see the Protocol."""
        return webhooks.present_webhooks(self._api, self._audience)

    def register(self, webhook: Webhook) -> Secret:
        """Add a webhook and return its secret, which Mailchimp shows this once; see `connectors.events`."""
        return webhooks.add_webhook(self._api, self._audience, webhook)

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Accept Mailchimp's signature, which holds the time."""
        check_mailchimp(delivery)
        return True

    @staticmethod
    def parse(delivery: Delivery) -> list[PlatformEvent]:
        """Return the event about a member of one of the audiences."""
        return mailchimp_events(delivery)

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write *changes*; see the Protocol.

        Raises:
            FixSettingsError: A change of a field that is not ours.
        """
        refuse_foreign_fields(changes, self._connection.owned)
        written = push.by_member(changes)
        many = len(written) >= self._limits["batches_from"]
        write = self._writer.as_jobs if many else self._writer.one_by_one
        yield from until_silence(write(written, still))
        tagged = push.push_tags(
            self._api,
            self._audience,
            self._tags,
            changes,
            size=self._limits["segment_batch"],
            workers=self._limits["connections"],
            still=still,
        )
        yield from until_silence(tagged)

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what Mailchimp shows where *changes* were made; see the Protocol."""
        return self._look.at(changes)

    def read_back_sample(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what Mailchimp shows of some of *changes*; see the Protocol."""
        return self._look.at_some(changes)

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Return the requests of a push by endpoint; how often a job is looked at is an estimate."""
        count = len(push.by_member(changes))
        counts = {"POST segments/{segment}": len(push.by_tag(changes, self._limits["segment_batch"]))}
        if count >= self._limits["batches_from"]:
            jobs = ceil(count / push.OPERATIONS)
            counts |= {"POST batches": jobs, "GET batches/{batch}": LOOKS * jobs, "GET batch results": jobs}
        else:
            counts["PATCH members/{member}"] = count
        counts["GET members"] = int(bool(changes))  # a sample is read back
        tagged = any(change.kind == "group" for change in changes)
        counts["GET tag-search"] = int(tagged and not self._tags.known)
        return {endpoint: number for endpoint, number in counts.items() if number}

    def seconds_for(self, requests_wanted: Mapping[str, int]) -> float:
        """Return how long the requests take over all connections, at the usual time of an answer."""
        return float(sum(requests_wanted.values()) / self._limits["connections"] * USUAL_ANSWER)

    # -- looking -------------------------------------------------------------------------------------------
    def check(self) -> list[Finding]:
        """Look at the key, the audience and its merge fields."""
        try:
            self.now()
        except PersonasyncError as error:
            return [Finding("credentials", "fail", str(error))]
        findings = [Finding("credentials", "ok", "Mailchimp accepts the API key.")]
        try:
            audience = self._api.call(self._api.sdk.lists.get_list, self._audience)
        except NotFoundError:
            return [*findings, Finding("audience", "fail", str(self._no_audience()))]
        count, most = len(fields.present_merge_fields(self._api, self._audience)), self._limits["merge_fields"]
        findings.append(
            Finding("audience", "ok", f"{audience['name']}: {audience['stats']['member_count']:,} contacts.")
        )
        findings.append(Finding("merge fields", "ok" if count < most else "warn", f"{count} of {most} in use."))
        return findings

    def _no_audience(self) -> FixSettingsError:
        return FixSettingsError(
            f"Mailchimp has no audience {self._audience!r}.",
            fix=(f"Fix `audience` in [connections.{self.name}] (in Mailchimp: Audience > Settings > Audience ID)."),
        )

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Test what is assumed of Mailchimp on this account; see `connectors.connector.HasProbes`."""
        owned = self._connection.owned
        account = MailchimpProbes(
            self._api, self._audience, owned, address, limits=self._limits, writer=self._writer, wait=nap
        )
        with watched(self._transport, account.seen.append, watch):
            try:
                yield from run_probes(account.every(), left_out=frozenset() if address else WRITING)
            finally:
                account.remove()

    def production(self) -> str:
        """Return why this may be no test account; see `connectors.connector.HasProbes`."""
        local = self._transport.is_local
        return "" if local else "Mailchimp has no test accounts, and no answer tells what an account is used for."

    def close(self) -> None:
        """Give back the sockets."""
        self._transport.close()


def _checked(connection: Connection) -> tuple[Secret, str, str]:
    """Return the API key, the audience's id and the address of the account's API.

    Raises:
        CredentialError: There is no key, or it names no data center.
        FixSettingsError: There is no audience.
    """
    key, audience = connection.secret, connection.settings.get("audience", "").strip()
    if not key:
        raise CredentialError(f"[connections.{connection.name}] has no API key.", fix=MEND_KEY)
    if not audience:
        raise FixSettingsError(
            f"[connections.{connection.name}] has no audience.",
            fix='Add audience = "..." (in Mailchimp: Audience > Settings > Audience ID).',
        )
    return key, audience, _base_url(connection.settings.get("base_url") or connection.manifest["base_url"], key)


def _base_url(pattern: str, key: Secret) -> str:
    """Return the account's address: the data centre is what stands behind the last dash of a key."""
    if "{dc}" not in pattern:
        return pattern
    centre = key.reveal().rpartition("-")[2]
    if not re.fullmatch(r"[a-z]{2,3}\d{1,3}", centre):
        raise CredentialError("The Mailchimp API key does not end with a data center, such as -us6.", fix=MEND_KEY)
    return pattern.format(dc=centre)


connect = Mailchimp
