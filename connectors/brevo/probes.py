"""Tests of what is assumed of Brevo (connectors/evidence.toml), on the user's own account: they only read."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from functools import partial

from connectors.base import JsonClient
from connectors.brevo.results import MEMBERS, STATISTICS, brevo_moment
from connectors.probing import ProbeResult, Watch, held_if, run_probes, untestable
from connectors.transport import watched

BY_HAND = untestable("Only by hand: a person has to do something in the account first.")
SIZE, BOTH = 20, 10
OLD, OLDEST = timedelta(days=45), timedelta(days=85)


class ProbesOfBrevo:
    """What makes the connector one that has probes.

    Attributes:
        client: Of the account.
    """

    client: JsonClient

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Test what is assumed of Brevo on this account; see `connectors.connector.HasProbes`."""
        del address  # nothing is written
        with watched(self.client.transport, watch):
            yield from run_probes(
                {
                    **dict.fromkeys(("A41", "A42", "A43", "A44"), lambda: BY_HAND),
                    "A45": partial(_order, self.client),
                    "A46": lambda: BY_HAND,
                    "A47": partial(_statistics, self.client),
                    "A48": lambda: untestable("Nobody can be asked."),
                }
            )

    def production(self) -> str:
        """Return why this may be no test account; see `connectors.connector.HasProbes`."""
        local = self.client.transport.is_local
        return "" if local else "Brevo has no test accounts, and no answer tells what an account is used for."


def _order(client: JsonClient) -> ProbeResult:
    asked = {"sort": "asc", "limit": SIZE}
    first, second = (client.get("contacts", {**asked, "offset": start})["contacts"] for start in (0, BOTH))
    ids = [[contact["id"] for contact in page] for page in (first, second)]
    if len(ids[1]) < BOTH:
        return untestable(f"This account has fewer than {SIZE} contacts.")
    return held_if(ids[0][BOTH:] == ids[1][:BOTH], "Two pages that overlap show other contacts where they do.")


def _statistics(client: JsonClient) -> ProbeResult:
    asked = {"status": "sent", "statistics": "globalStats", "excludeHtmlContent": "true", "sort": "desc", "limit": SIZE}
    campaigns = client.get("emailCampaigns", asked).get("campaigns") or []
    now = client.transport.present()
    for campaign in campaigns:
        age = now - brevo_moment(campaign.get("sentDate") or campaign["modifiedAt"])
        for key in campaign["recipients"]["lists"] if OLD < age < OLDEST else ():
            contacts = client.get(MEMBERS, {"limit": BOTH, "sort": "asc"}, id=str(key))["contacts"]
            shown = [client.get(STATISTICS, id=str(contact["id"])).get("messagesSent") or () for contact in contacts]
            sent = any(act["campaignId"] == campaign["id"] for acts in shown for act in acts)
            return held_if(sent, "Nobody's statistics show a campaign that went out more than 45 days ago.")
    return untestable("This account has no campaign of 45 to 85 days ago that went to a list.")
