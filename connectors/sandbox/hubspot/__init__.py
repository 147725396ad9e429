"""The local HubSpot: one account, numbered and 2026-03 paths on one state.

Companies, tickets and other object types are refused for their scope (403); there are no custom objects.
What else is not imitated answers 404 in HubSpot's shape: writing deals and
associations; lists that fill themselves (DYNAMIC is refused with 400), list folders and id mapping; A/B tests,
drafts and revisions of e-mails; campaigns, event occurrences, imports, exports of other records and of
filtered contacts, property validation rules; OAuth; webhooks of other records than contacts, and the journal of
webhooks. Workflow actions are called when the side door says so. Record locks (423) and 477 come as faults from the
outside.
"""

from connectors.sandbox.hubspot.app import app

__all__ = ["app"]
