"""A local Mailchimp: the Marketing API 3.0 as a stateful server.

It remembers, refuses what Mailchimp refuses, and answers 404 to what it does not imitate: OAuth, automations and
customer journeys, templates, file manager, landing pages, surveys, notes, goals, growth history,
signup forms, locations of an audience, advanced segments, account exports, batch webhooks, carts, promo rules,
product variants and images, A/B campaigns of the old kind (`absplit`), RSS campaigns, timewarp, SMS,
`/audiences/{id}/contacts`, conversations, feedback, verified domains.

Where the facts are open it takes the side that is harder on a client: `since_…` filters exclude their moment, tag
changes do not move `last_changed`, archived members stay in the member list, members without activity are missing
from `email-activity` when `since` is given.
"""

from connectors.sandbox.mailchimp.app import app
from connectors.sandbox.mailchimp.state import MailchimpState

__all__ = ["MailchimpState", "app"]
