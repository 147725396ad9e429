"""Platform limits shared with other packages: lengths of fields, tags and webhook batches.

Limits that only a connector needs are in plugin.toml.
"""

from __future__ import annotations

MERGE_TAG_LENGTH = 10
"""Characters of a Mailchimp merge tag."""

MERGE_FIELD_NAME, MERGE_FIELD_HELP = 50, 250
"""Characters of a merge field's name and of its help text."""

PROPERTY_LABEL = 250
"""Characters of the label of a HubSpot property."""

TEXT_BYTES = 255
"""Bytes after which Mailchimp cuts text without a word, so everybody gets what fits both platforms."""

EVENTS_PER_DELIVERY = 100
"""HubSpot sends no more events in one webhook delivery."""
