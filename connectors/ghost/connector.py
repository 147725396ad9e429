"""A Ghost site: members with their labels and custom fields, what became of its newsletters, and its webhooks.

Ghost's `updated_at` does not move when a custom field or a label changes, so it can't tell what changed: everybody is
read, in the order of ids, which never changes either. A newsletter's id is that of its post.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import (
    FillsAndMoves,
    MailAct,
    MailSent,
    SourceCampaign,
    SourceContact,
    SourcePage,
    WantedContact,
    entries,
    moment,
    read_campaign,
)
from connectors.connector import Webhook
from connectors.errors import ContractError, CredentialError
from connectors.records import Consent, FieldDefinition, SetupStep
from connectors.secret import Secret, remember

TOKEN_SECONDS = 300  # Ghost takes no token that lives longer
HEX = re.compile(r"([0-9a-fA-F]{2})+")
MEMBER, BULK = "members/{id}/", "members/bulk/"
FIELDS, FIELD = "members/metafields/custom/", "members/metafields/custom/{key}/"
INTEGRATION = "personasync"
MAILED = {"submitting": "sending", "submitted": "sent"}
ACTS = {
    "click_event": "click",
    "email_opened_event": "open",
    "email_failed_event": "bounce",
    "email_complained_event": "complaint",
}


class Ghost(FillsAndMoves):
    """The members of one site."""

    def _auth(self) -> Secret:
        """A JSON Web Token (RFC 7519), signed with the key.

        Raises:
            CredentialError: The key has another form.
        """
        name, _, digits = self.connection.secret.reveal().partition(":")
        if not name or not HEX.fullmatch(digits):
            raise CredentialError("This is no key of Ghost's Admin API.", fix="Copy it whole: id, colon, 64 digits.")
        now = int(datetime.now(UTC).timestamp())  # noqa: TID251 - Ghost compares it with its own clock
        header = {"alg": "HS256", "typ": "JWT", "kid": name}
        claims = {"iat": now, "exp": now + TOKEN_SECONDS, "aud": "/admin/"}
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = _base64(hmac.new(bytes.fromhex(digits), signed, hashlib.sha256).digest())
        return Secret(f"Ghost {signed.decode()}.{signature.decode()}")

    # -- reading -------------------------------------------------------------------------------------------
    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of members, in the order of their ids."""
        del since
        answer = self._members(f"id:>'{place}'" if place else None)
        contacts = [_contact(member) for member in entries(answer, "members")]
        there_is_more = answer["meta"]["pagination"]["next"]
        return SourcePage(contacts, contacts[-1].id if contacts and there_is_more else None)

    def _members(self, which: str | None) -> Any:
        asked = {"limit": self.limits["page"], "order": "id asc", "include": "metafields", "filter": which}
        return self.client.get("members/", asked)

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some members."""
        if not ids and not addresses:
            return []
        which = f"id:{_listed(ids)}" if ids else f"email:{_listed(addresses)}"
        return [_contact(member) for member in entries(self._members(which), "members")]

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the custom fields of members."""
        listed = entries(self.client.get(FIELDS), "members_metafields")
        active = [field for field in listed if field["status"] == "active"]
        return {field["key"]: FieldDefinition(field["key"], field["name"], "text") for field in active}

    def group_names(self) -> Collection[str]:
        """Return the names of all labels."""
        return list(self.group_keys(()))

    def group_keys(self, names: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return all labels by name: their list takes no less."""
        del names
        listed = self.client.listed("labels/", "labels", {"order": "id asc"}, size=self.limits["page"])
        return {label["name"]: label for label in listed}

    def create(self, step: SetupStep) -> None:
        """Make a label or a custom field."""
        if step.field is None:
            self.client.send("POST", "labels/", {"labels": [{"name": f"{self._prefix}{step.name}"}]})
            return
        name = step.field.name  # Ghost makes the key from the first name, whatever key it is sent
        made = self.client.send("POST", FIELDS, {"members_metafields": [{"name": name, "type": "short_text"}]})
        if made["members_metafields"][0]["key"] != name:
            raise ContractError(f"Ghost calls the field {name!r} {made['members_metafields'][0]['key']!r}.")
        label = {"members_metafields": [{"name": step.field.label}]}
        self.client.send("PUT", FIELD, label, key=name)

    def fill(self, wanted: WantedContact) -> SourceContact | None:
        """Write the custom fields of a member."""
        body = {"members": [{"metafields": {"custom": dict(wanted.fields)}}]}
        members = self.client.send("PUT", MEMBER, body, id=wanted.id).get("members")
        return _contact(members[0]) if members else None

    def move(self, group: Mapping[str, Any], ids: Sequence[str], *, enter: bool) -> None:
        """Let members enter or leave a label. Ghost would add it twice: who has it is left out."""
        which = f"id:{_listed(ids)}" + (f"+label:-{group['slug']}" if enter else "")
        bulk = {"action": "addLabel" if enter else "removeLabel", "meta": {"label": {"id": group["id"]}}}
        self.client.send("PUT", BULK, {"bulk": bulk}, {"filter": which})

    # -- results -------------------------------------------------------------------------------------------
    def campaigns(self) -> Iterator[SourceCampaign]:
        """Yield the posts that were sent as newsletters."""
        for post in self._by_id("posts/", "posts", "status:[published,sent]", include="email,count.clicks"):
            email = post.get("email") or {}
            if state := MAILED.get(email.get("status", "")):
                opened = email["opened_count"] if email["track_opens"] else None
                record = {**post, "email": {**email, "opened": opened}}
                yield read_campaign(self.connection.manifest, record, state=state)

    def acts_of(self, campaigns: Sequence[SourceCampaign]) -> Iterator[list[MailSent | MailAct]]:
        """Yield who got, opened and clicked some newsletters."""
        for campaign in campaigns:
            members = [member["id"] for member in self._by_id("members/", "members", f"emails.post_id:'{campaign.id}'")]
            yield [MailSent(campaign.id, member, campaign.sent_at) for member in members]
            yield [_act(campaign.id, event) for event in self._events(campaign.id, sorted(members))]

    def _by_id(self, path: str, key: str, which: str, **more: str) -> Iterator[dict[str, Any]]:
        """All entries of a list, in the order of their ids: pages with numbers slip while somebody leaves."""
        last, size = "", self.limits["page"]
        while True:
            after = f"{which}+id:>'{last}'" if last else which
            listed = entries(self.client.get(path, {"filter": after, "order": "id asc", "limit": size, **more}), key)
            yield from listed
            if len(listed) < size:
                return
            if listed[-1]["id"] <= last:
                raise ContractError(f"Ghost lists {path} in no order of ids.")
            last = listed[-1]["id"]

    def _events(self, post: str, members: Sequence[str]) -> Iterator[dict[str, Any]]:
        """What some members did: events have no pages, so the members are halved until their events are on one."""
        if not members:
            return
        which = f"type:[{','.join(ACTS)}]+data.post_id:'{post}'"
        which += f"+data.member_id:>='{members[0]}'+data.member_id:<='{members[-1]}'"
        answer = self.client.get("members/events/", {"filter": which, "limit": self.limits["page"]})
        middle = len(members) // 2
        if answer["meta"]["pagination"]["total"] > self.limits["page"] and middle:
            yield from self._events(post, members[:middle])
            yield from self._events(post, members[middle:])
        else:
            yield from entries(answer, "events")

    # -- events --------------------------------------------------------------------------------------------
    def webhooks(self) -> list[Webhook]:
        """Return all webhooks of the site: those to one address, of which Ghost has one for each event, as one."""
        grouped: dict[str, list[Any]] = defaultdict(list)
        for integration in self._integrations():
            for hook in integration.get("webhooks") or ():
                grouped[hook["target_url"]].append(hook)
        signed = {url: all(hook.get("secret") for hook in hooks) for url, hooks in grouped.items()}
        return [
            Webhook(url, tuple(hook["event"] for hook in hooks), (), signed=signed[url])
            for url, hooks in grouped.items()
        ]

    def register(self, webhook: Webhook) -> Secret:
        """Add a webhook for each event, within an integration of ours; return their secret, which we chose."""
        ours = next((each["id"] for each in self._integrations() if each["name"] == INTEGRATION), None)
        if ours is None:
            made = self.client.send(
                "POST", "integrations/", {"integrations": [{"name": INTEGRATION}]}, repeatable=False
            )
            ours = made["integrations"][0]["id"]
        secret = Secret(secrets.token_hex(32))
        remember(secret)
        for event in webhook.events:
            asked = {"event": event, "target_url": webhook.url, "secret": secret.reveal(), "integration_id": ours}
            self.client.send("POST", "webhooks/", {"webhooks": [{"name": INTEGRATION, **asked}]}, repeatable=False)
        return secret

    def _integrations(self) -> list[dict[str, Any]]:
        return entries(self.client.get("integrations/", {"include": "webhooks", "limit": 100}), "integrations")


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _listed(values: Sequence[str]) -> str:
    """A list of texts in Ghost's query language."""
    quoted = ["'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values]
    return f"[{','.join(quoted)}]"


def _contact(member: Mapping[str, Any]) -> SourceContact:
    place = json.loads(member.get("geolocation") or "{}")
    known = {name: place.get(name) for name in ("country_code", "region", "city", "timezone")}
    known |= {name: member.get(name) for name in ("name", "note", "status")}
    return SourceContact(
        member["id"],
        member["email"],
        _consent(member),
        {**(member.get("metafields") or {}).get("custom", {}), **known},
        [label["name"] for label in member.get("labels", ())],
        created_at=moment(member["created_at"]),
        updated_at=moment(member.get("updated_at")),
    )


def _consent(member: Mapping[str, Any]) -> Consent:
    """Who gets no newsletter is unsubscribed; to an address that bounced or complained, Ghost sends nothing."""
    if (member.get("email_suppression") or {}).get("suppressed"):
        return "cleaned"
    return "subscribed" if member.get("newsletters") else "unsubscribed"


def _act(post: str, event: Mapping[str, Any]) -> MailAct:
    data = event["data"]
    key, at, url = data["member"]["id"], moment(data["created_at"]), (data.get("link") or {}).get("to")
    return MailAct(f"{event['type']}/{data['id']}", ACTS[event["type"]], post, key, at, url)


connect = Ghost
