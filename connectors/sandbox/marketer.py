"""What a marketing person does in the platform, done for them: send a campaign, and let days pass.

personasync itself never sends a mail; the demo and tests need somebody who does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

TIMEOUT = 120


def send_campaign(url: str, key: str, audience: str, *, title: str, subject: str, variants: Mapping[str, str]) -> str:
    """Send a multivariate campaign to the whole audience, in equal parts, and return its id.

    Args:
        url: Of the local Mailchimp's API.
        key: Its key.
        audience: Whom to send to.
        title: How the platform lists it.
        subject: What recipients see.
        variants: HTML by label.
    """
    body = {
        "type": "variate",
        "recipients": {"list_id": audience},
        "settings": {"title": title, "subject_line": subject, "from_name": "The shop", "reply_to": "shop@people.test"},
        "variate_settings": {"winner_criteria": "manual", "test_size": 100, "contents": list(variants)},
    }
    campaign = str(_post(f"{url}/campaigns", key, body)["id"])
    contents = [{"content_label": label, "html": html} for label, html in variants.items()]
    _call("PUT", f"{url}/campaigns/{campaign}/content", key, {"variate_contents": contents})
    _call("POST", f"{url}/campaigns/{campaign}/actions/send", key, None)
    return campaign


def send_to_tag(url: str, key: str, audience: str, *, title: str, subject: str, html: str, tag: str) -> str:
    """Send one mail to the members with *tag*, and return the campaign's id."""
    segment = tags_of(url, key, audience)[tag]
    return _send(url, key, {"list_id": audience, "segment_opts": {"saved_segment_id": segment}}, title, subject, html)


def send_to_everybody(url: str, key: str, audience: str, *, title: str, subject: str, html: str) -> str:
    """Send one mail to the whole audience, and return the campaign's id."""
    return _send(url, key, {"list_id": audience}, title, subject, html)


def tags_of(url: str, key: str, audience: str) -> dict[str, int]:
    """Return the tags of an audience, with the id of each."""
    tags = _call("GET", f"{url}/lists/{audience}/tag-search", key, None)["tags"]
    return {str(tag["name"]): int(tag["id"]) for tag in tags}


def recipients(url: str, key: str, campaign: str) -> int:
    """Return to how many people a campaign went."""
    return int(_call("GET", f"{url}/reports/{campaign}", key, None)["emails_sent"])


def _send(url: str, key: str, to: Mapping[str, Any], title: str, subject: str, html: str) -> str:
    settings = {"title": title, "subject_line": subject, "from_name": "The shop", "reply_to": "shop@people.test"}
    campaign = str(_post(f"{url}/campaigns", key, {"type": "regular", "recipients": to, "settings": settings})["id"])
    _call("PUT", f"{url}/campaigns/{campaign}/content", key, {"html": html})
    _call("POST", f"{url}/campaigns/{campaign}/actions/send", key, None)
    return campaign


def advance_clock(url: str, *, days: float) -> None:
    """Let *days* pass on both local platforms at once."""
    _call("POST", f"{url}/_sandbox/clock", "", {"advance_seconds": days * 86_400})


def change_members(url: str, key: str, audience: str, members: Sequence[Mapping[str, Any]]) -> None:
    """Change up to 500 members as a list import does: each names its ``email_address``, and what shall be different."""
    _post(f"{url}/lists/{audience}", key, {"members": list(members), "update_existing": True})


def side_door(url: str, what: str, body: Any = None) -> Any:
    """Use the side door of the local platforms: ``log``, ``settings``, ``faults``, ``truth``."""
    return _call("GET" if body is None else "POST", f"{url}/_sandbox/{what}", "", body)


def writes_seen(url: str) -> int:
    """Return how many requests that could change something a local platform has seen."""
    return sum(bool(entry["write"]) for entry in _entries(url))


def requests_seen(url: str) -> int:
    """Return how many requests a local platform has seen."""
    return len(_entries(url))


def _entries(url: str) -> list[dict[str, Any]]:
    platform = "mailchimp" if url.endswith("/3.0") else "hubspot"
    entries = side_door(url, "log")["entries"]
    return [entry for entry in entries if entry["platform"] == platform]


def _post(url: str, key: str, body: Any) -> Any:
    return _call("POST", url, key, body)


def _call(method: str, url: str, key: str, body: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, json=body, auth=("anybody", key) if key else None, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json() if answer.content else {}
