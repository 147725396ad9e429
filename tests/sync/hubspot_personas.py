"""Personas of HubSpot's own, made in the account as a person would."""

from __future__ import annotations

from sync.session import Session
from tests.sync.conftest import Platforms, edit

LABELS = ("Bargain Ben", "Regular Rita", "Rita Regular", "Gus Gift", "Bo Bargain", "Nora New")


def switch_on(platforms: Platforms, session: Session, mode: str = "write", labels: tuple[str, ...] = LABELS) -> None:
    """Let the workspace write hs_persona, on an account in which somebody made our personas."""
    definition = platforms.crm.properties["contacts/hs_persona"]
    options = [
        {"label": label, "value": f"persona_{place}", "displayOrder": place, "hidden": False}
        for place, label in enumerate(labels, 1)
    ]
    platforms.crm.properties["contacts/hs_persona"] = {**definition, "options": options}
    edit(platforms, 'connector = "hubspot"', f'connector = "hubspot"\nhs_persona = "{mode}"')
    session.reload()
