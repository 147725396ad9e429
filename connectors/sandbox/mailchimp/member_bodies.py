"""How a member is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp.links import Link, link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.sandbox.mailchimp.call import MailchimpCall
    from connectors.sandbox.mailchimp.values import Document

SHOWN_TAGS = 50
NOWHERE = {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "", "region": ""}
PERMISSION_TEXT = "Email"
DEFINITIONS = "Definitions/Lists/Members"
BRIEF = (
    "id",
    "email_address",
    "unique_email_id",
    "email_type",
    "status",
    "merge_fields",
    "stats",
    "ip_signup",
    "timestamp_signup",
    "ip_opt",
    "timestamp_opt",
    "member_rating",
    "last_changed",
    "language",
    "vip",
    "email_client",
    "location",
    "list_id",
    "_links",
)
OF_SEGMENT = frozenset({*BRIEF, "full_name"})
"""Keys of a member of a segment, as Mailchimp's description 3.0.55 names them: no contact id, no tags."""
OF_BATCH = frozenset({*BRIEF, "tags_count", "tags"})
"""Keys of a member in the answer to a batch of members, of a list or a segment: no contact id either."""
BRIEF_LOCATION = ("latitude", "longitude", "gmtoff", "dstoff", "country_code", "timezone")


class MemberBodies:
    """Shows members of one audience in one call; looks up once what all of them need.

    Args:
        prefix: Where the members stand in the answer.
        keys: What the answer shows of each; None: all there is.
    """

    def __init__(self, call: MailchimpCall, list_id: str, prefix: str = "", keys: frozenset[str] | None = None) -> None:
        state = call.state
        self.keys = keys
        self.list_id = list_id
        self.url = call.url
        self.linked = call.wants(f"{prefix}_links")
        self.blank: Document = {field["tag"]: "" for field in state.fields(list_id).values()}
        self.interests = [str(row["id"]) for row in state.interests(list_id).values()]
        self.tag_names = {key: segment["name"] for key, segment in state.segments(list_id).items()}
        self.permissions = state.audiences[list_id]["marketing_permissions"]
        now = state.now()
        self.sent = [
            state.deliveries(campaign["id"])
            for campaign in list(state.campaigns.values())
            if campaign.get("sent_at") and campaign["sent_at"] <= now and campaign["recipients"]["list_id"] == list_id
        ]
        self.now = now

    def show(self, member: Document) -> Document:
        """Return the body of *member*, keys in Mailchimp's order."""
        values = {tag: member["merge_fields"].get(tag, "") for tag in self.blank}
        body: Document = {
            "id": member["id"],
            "email_address": member["email_address"],
            "unique_email_id": member["contact_id"][:10],
            "contact_id": member["contact_id"],
            "full_name": f"{values.get('FNAME', '')} {values.get('LNAME', '')}".strip(),
            "web_id": member["web_id"],
            "email_type": member["email_type"],
            "status": member["status"],
        }
        if member["status"] == "unsubscribed":
            body["unsubscribe_reason"] = member.get("unsubscribe_reason", "N/A (Unsubscribed by admin)")
        body |= {
            "consents_to_one_to_one_messaging": True,
            "merge_fields": values,
            **({"interests": self.chosen(member)} if self.interests else {}),
            "stats": self.rates(member["contact_id"]),
            "ip_signup": "",
            "timestamp_signup": member["timestamp_signup"],
            "ip_opt": "192.0.2.1" if member["timestamp_opt"] else "",
            "timestamp_opt": member["timestamp_opt"],
            "member_rating": 2,
            "last_changed": member["last_changed"],
            "language": member["language"],
            "vip": member["vip"],
            "email_client": "",
            "location": NOWHERE,
        }
        if self.permissions:
            body["marketing_permissions"] = self.permission(member)
        body |= {
            "source": member["source"],
            "tags_count": len(member["tags"]),
            "tags": self.tags(member)[:SHOWN_TAGS],
            "list_id": self.list_id,
        }
        if self.linked:
            body["_links"] = member_links(self.url, self.list_id, member["id"])
        return body if self.keys is None else self.brief(body, self.keys)

    @staticmethod
    def brief(body: Document, keys: frozenset[str]) -> Document:
        """Return a body as answers show it that are not about members in the first place."""
        location = {name: body["location"][name] for name in BRIEF_LOCATION}
        return {key: value for key, value in body.items() if key in keys} | {"location": location}

    def show_all(self, members: Iterable[Document]) -> list[Document]:
        """Return the bodies of *members*."""
        return [self.show(member) for member in members]

    def tags(self, member: Document) -> list[Document]:
        """Return the member's tags as id and name."""
        return [{"id": int(key), "name": self.tag_names[key]} for key in member["tags"] if key in self.tag_names]

    def chosen(self, member: Document) -> Document:
        """Return every group of the audience by id, and whether the member has chosen it."""
        shown = member.get("interests", {})
        return {key: bool(shown.get(key, False)) for key in self.interests}

    def permission(self, member: Document) -> list[Document]:
        """Return the one marketing permission of the audience."""
        enabled = member.get("permitted", False)
        return [{"marketing_permission_id": self.list_id, "text": PERMISSION_TEXT, "enabled": enabled}]

    def rates(self, contact_id: str) -> Document:
        """Return the shares of the member's campaigns that were opened and clicked."""
        sent = opened = clicked = 0
        for deliveries in self.sent:
            delivery = deliveries.get(contact_id)
            if delivery is not None:
                actions = {a["action"] for a in delivery["activity"] if a["timestamp"] <= self.now}
                sent, opened, clicked = sent + 1, opened + ("open" in actions), clicked + ("click" in actions)
        if not sent:
            return {"avg_open_rate": 0, "avg_click_rate": 0}
        return {"avg_open_rate": round(opened / sent, 4), "avg_click_rate": round(clicked / sent, 4)}


def member_links(url: str, list_id: str, member_id: str) -> list[Link]:
    """Return the links of one member."""
    parent = f"{url}/lists/{list_id}/members"
    href, response = f"{parent}/{member_id}", f"{DEFINITIONS}/Response"
    return [
        link("self", href, target=response),
        link("parent", parent, "GET", f"{DEFINITIONS}/CollectionResponse", "Paths/Lists/Members/Collection"),
        link("update", href, "PATCH", response, f"{DEFINITIONS}/PATCH"),
        link("upsert", href, "PUT", response, f"{DEFINITIONS}/PUT"),
        link("delete", href, "DELETE"),
        link("activity", f"{href}/activity", target=f"{DEFINITIONS}/Activity/Response"),
        link("goals", f"{href}/goals", target=f"{DEFINITIONS}/Goals/Response"),
        link("notes", f"{href}/notes", target=f"{DEFINITIONS}/Notes/CollectionResponse"),
        link("events", f"{href}/events", "POST", f"{DEFINITIONS}/Events/POST"),
        link("delete_permanent", f"{href}/actions/delete-permanent", "POST"),
    ]
