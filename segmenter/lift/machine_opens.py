"""Machine opens (Apple Mail Privacy Protection, scanners): detect opens that no person made.

HubSpot marks them; Mailchimp does not tell (PLATFORMS: opens include machine opens). There an open within seconds of
the sending counts as a machine's. What is marked stays in the data and is judged apart.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis import Table

from segmenter.traits.timestamps import SECOND, microseconds


def with_machines(engagements: Table, campaigns: Table, *, seconds: float) -> Table:
    """Return *engagements* with ``machine`` known for every row.

    Args:
        engagements: Versions in force; a ``machine`` of null was not told by the platform.
        campaigns: Versions in force.
        seconds: An open up to so long after its campaign was sent is a machine's, where the platform does not tell;
            0: none is.

    Returns:
        The same rows and columns; ``machine`` is true or false.
    """
    sent = campaigns.select("connection", "campaign_id", "sent_at")
    joined = engagements.left_join(sent, ["connection", "campaign_id"]).drop("connection_right", "campaign_id_right")
    after = microseconds(joined["at"]) - microseconds(joined.sent_at)
    soon: Any = (joined.kind == "open") & (after <= seconds * SECOND) if seconds > 0 else ibis.literal(value=False)
    return joined.mutate(machine=joined.machine.coalesce(soon.fill_null(False))).drop("sent_at")  # noqa: FBT003 - an expression
