"""Mailchimp webhooks of an audience: list and create. Existing ones are never changed or deleted."""

from __future__ import annotations

from connectors.connector import Webhook
from connectors.mailchimp.api import MailchimpApi
from connectors.secret import Secret, remember

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


def present_webhooks(api: MailchimpApi, audience: str) -> list[Webhook]:
    """Return the audience's webhooks; one that says nothing of signatures is not signed."""
    answer = api.call(api.sdk.lists.get_list_webhooks, audience)
    return [
        Webhook(
            url=str(webhook["url"]),
            events=tuple(name for name in EVENTS if (webhook.get("events") or {}).get(name)),
            sources=tuple(name for name in SOURCES if (webhook.get("sources") or {}).get(name)),
            signed=bool(webhook.get("signing_enabled")),
        )
        for webhook in answer["webhooks"]
    ]


def add_webhook(api: MailchimpApi, audience: str, webhook: Webhook) -> Secret:
    """Add a webhook and return the secret of its signatures, an empty one where it has none."""
    body = {
        "url": webhook.url,
        "events": {name: name in webhook.events for name in EVENTS},
        "sources": {name: name in webhook.sources for name in SOURCES},  # all three, or Mailchimp chooses
    }
    secret = Secret(api.call(api.sdk.lists.create_list_webhook, audience, body).get("signing_secret") or "")
    remember(secret)
    return secret
