"""A Ghost site: members with their labels and custom fields, and what became of its newsletters.

Ghost's `updated_at` does not move when a custom field or a label changes, so it can't tell what changed: everybody is
read, in the order of ids, which never changes either.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import (
    Delivery,
    DerivedConnector,
    JsonClient,
    PlatformEvent,
    RefusedContact,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
    at_own_site,
)
from connectors.connector import Connection, Webhook
from connectors.errors import ContractError, CredentialError, NotFoundError, PersonasyncError, RejectedError
from connectors.ghost import webhooks
from connectors.ghost.newsletters import Newsletters, moment
from connectors.records import Change, Consent, FieldDefinition, Finding, Page, SetupStep
from connectors.secret import Secret
from connectors.transport import entries, in_order

VERSION = "v6.0"  # of the API, which Ghost is asked to answer as
TOKEN_SECONDS = 300  # Ghost takes no token that lives longer
HEX = re.compile(r"([0-9a-fA-F]{2})+")
MEMBER = "members/{id}/"
BULK = "members/bulk/"
FIELDS = "members/metafields/custom/"
FIELD = "members/metafields/custom/{key}/"


class Ghost(DerivedConnector):
    """The members of one site."""

    looking = ("GET members",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        site = at_own_site(connection, "ghost/api/admin")
        self.client = JsonClient(site, auth=self._token, headers={"Accept-Version": VERSION})
        self._newsletters = Newsletters(self.client, self.name, self.limits["page"])

    def _token(self) -> Secret:
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

    def check(self) -> list[Finding]:
        """Look whether the key opens the site, and whether fields can be made."""
        try:
            site = self.client.get("site/")["site"]
            self.client.get("members/", {"limit": 1})
            self.client.get(FIELDS)
        except PersonasyncError as error:
            return [Finding("credentials", "fail", error.what, error.fix)]
        return [Finding("credentials", "ok", f"Ghost {site['version']} accepts the key.")]

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the custom fields of members."""
        listed = [
            field for field in entries(self.client.get(FIELDS), "members_metafields") if field["status"] == "active"
        ]
        return {field["key"]: FieldDefinition(field["key"], field["name"], "text") for field in listed}

    def group_names(self) -> Collection[str]:
        """Return the names of all labels."""
        return [label["name"] for label in self._labels()]

    def _labels(self) -> list[dict[str, Any]]:
        labels: list[dict[str, Any]] = []
        number: int | None = 1
        while number:
            answer = self.client.get("labels/", {"limit": self.limits["page"], "page": number, "order": "id asc"})
            labels += entries(answer, "labels")
            number = answer["meta"]["pagination"]["next"]
        return labels

    def create(self, step: SetupStep) -> None:
        """Make a label or a custom field."""
        if step.field is None:
            name = f"{self.connection.manifest['group_prefix']}{step.name}"
            self.client.send("POST", "labels/", {"labels": [{"name": name}]})
            return
        name = step.field.name  # Ghost makes the key from the first name, whatever key it is sent
        made = self.client.send("POST", FIELDS, {"members_metafields": [{"name": name, "type": "short_text"}]})
        if made["members_metafields"][0]["key"] != name:
            raise ContractError(f"Ghost calls the field {name!r} {made['members_metafields'][0]['key']!r}.")
        label = {"members_metafields": [{"name": step.field.label}]}
        self.client.send("PUT", FIELD, label, key=name)

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write the custom fields of each member, then move those whom Ghost did not refuse, one call a label."""
        filled = [wanted for wanted in batch if wanted.fields]
        answers = dict(in_order(self._fill, filled, workers=self.limits["connections"]))
        moves: dict[tuple[str, str], list[str]] = defaultdict(list)
        for wanted in batch:
            if isinstance(answers.get(wanted.id), RefusedContact):
                continue
            for action, groups in (("addLabel", wanted.enter), ("removeLabel", wanted.leave)):
                for group in groups:
                    moves[action, group].append(wanted.id)
        known = {label["name"]: label for label in self._labels()} if moves else {}
        for (action, group), ids in moves.items():
            if group in known:
                self._move(action, known[group], ids)
        moved = {key for ids in moves.values() for key in ids}  # only the answers to others show how they are now
        return {key: answer for key, answer in answers.items() if answer and key not in moved}

    def _fill(self, wanted: WantedContact) -> tuple[str, SourceContact | RefusedContact | None]:
        body = {"members": [{"metafields": {"custom": dict(wanted.fields)}}]}
        try:
            answer = self.client.send("PUT", MEMBER, body, id=wanted.id)
        except NotFoundError:
            return wanted.id, None
        except RejectedError as error:
            return wanted.id, _refusal(error)
        members = answer.get("members")
        return wanted.id, _contact(members[0]) if members else None

    def _move(self, action: str, label: Mapping[str, Any], ids: Sequence[str]) -> None:
        """Let *ids* enter or leave a label. Ghost would add it twice: who has it is left out."""
        which = f"id:{_listed(ids)}"
        if action == "addLabel":
            which += f"+label:-{label['slug']}"
        bulk = {"action": action, "meta": {"label": {"id": label["id"]}}}
        self.client.send("PUT", BULK, {"bulk": bulk}, {"filter": which})

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Count the requests of a push: one for each member with fields, and one for each label of a batch.

        Args:
            changes: What would be written.

        Returns:
            Number by endpoint.
        """
        counts = Counter({"GET members": int(bool(changes))})
        for batch in self._writer.batches(changes) if changes else []:
            groups = {(c.name, c.after is None) for mine in batch for c in mine if c.kind == "group"}
            counts["PUT members/{id}"] += sum(any(c.kind == "field" for c in mine) for mine in batch)
            counts["PUT members/bulk"] += len(groups)
            counts["GET labels"] += bool(groups)
            counts["GET members"] += bool(groups)
        return {endpoint: number for endpoint, number in counts.items() if number}

    # -- results -------------------------------------------------------------------------------------------
    def results(self, stream: str, known: Mapping[str, str]) -> Iterator[Page]:
        """Yield newsletters, or who got, opened and clicked them."""
        return self._newsletters.pages(stream, known)

    # -- events --------------------------------------------------------------------------------------------
    def webhooks(self) -> list[Webhook]:
        """Return where the site sends events; see `connectors.events.EventSource`."""
        return webhooks.webhooks_of_site(self.client)

    def register(self, webhook: Webhook) -> Secret:
        """Add webhooks, and return their secret, which we chose."""
        return webhooks.add_webhooks(self.client, webhook)

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Accept Ghost's signature, which holds the time."""
        return bool(webhooks.check_ghost(delivery))

    @staticmethod
    def parse(delivery: Delivery) -> list[PlatformEvent]:
        """Return the event about a member."""
        return webhooks.ghost_events(delivery)


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _refusal(error: RejectedError) -> RefusedContact:
    """The reason of a refusal, which stands behind Ghost's general words for it."""
    errors: Any = error.body.get("errors") or [{}]
    return RefusedContact(errors[0].get("context") or error.what, errors[0].get("type") or error.code)


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


connect = Ghost
