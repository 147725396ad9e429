"""Records that change places while somebody reads them: their moment of change moves, and nothing else."""

from __future__ import annotations

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.world import World


def stir(world: World) -> None:
    """Move one contact and one member to the end of their order by time of change."""
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    rows = [row for row in crm.contact_records.rows() if not row["archived"]]
    if rows:
        crm.touch_contact(world.random.choice(rows), {})
    if AUDIENCE in email.audiences and email.members(AUDIENCE):
        member = world.random.choice(list(email.members(AUDIENCE).values()))
        member["last_changed"] = email.now()
        email.directory(AUDIENCE).save(member)
