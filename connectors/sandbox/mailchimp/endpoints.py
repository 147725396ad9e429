"""All endpoints of the local Mailchimp in one table."""

from __future__ import annotations

from connectors.sandbox.mailchimp import (
    account,
    audiences,
    batches,
    campaigns,
    ecommerce,
    interests,
    member_batch,
    member_history,
    members,
    merge_fields,
    orders,
    report_details,
    reports,
    segment_members,
    segments,
    tags,
    webhooks,
)
from connectors.sandbox.mailchimp.call import Routes

ROUTES = Routes().join(
    module.ROUTES
    for module in (
        account,
        audiences,
        batches,
        campaigns,
        ecommerce,
        interests,
        member_batch,
        member_history,
        members,
        merge_fields,
        orders,
        report_details,
        reports,
        segment_members,
        segments,
        tags,
        webhooks,
    )
)
