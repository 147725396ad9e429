"""What was learned over all campaigns: which offer speaks to which persona."""

from __future__ import annotations

from collections import defaultdict

from connectors.errors import FixSettingsError
from connectors.records import CAMPAIGNS
from segmenter.lift.offers import Best, best_offers
from segmenter.lift.randomization import HOLDOUT
from segmenter.stats.proportions import Responses
from sync.results.lift import strata_of_campaign, strata_of_experiment
from sync.session import Workbench


def offers(bench: Workbench, *, metric: str = "clicked") -> list[Best]:
    """Return each persona's offers over all campaigns and experiments, the best first.

    An offer is what a variant or an arm is called. Arms that are shown nobody's own copy (holdout, placebo) are none.
    """
    cells: dict[tuple[str, str], Responses] = defaultdict(lambda: Responses(0, 0))
    for one in bench.workspace.experiments.values():
        for stratum in strata_of_experiment(bench, one):
            if stratum.arm not in {HOLDOUT, *one.placebo}:
                cells[stratum.persona, stratum.arm] += stratum.responses(metric)
    table = bench.warehouse.current(CAMPAIGNS.name)
    sent = table.filter(table.sent_at.notnull(), table.parent_id.isnull()).to_pyarrow().to_pylist()
    for campaign in sent:
        found = strata_of_campaign(bench, campaign)
        if len({stratum.arm for stratum in found}) > 1:
            for stratum in found:
                cells[stratum.persona, stratum.arm] += stratum.responses(metric)
    if not cells:
        raise FixSettingsError(
            "No campaign had variants, and no experiment has arms yet: nothing can be compared.",
            mend="Send a campaign in variants, or run `personasync experiment create`; then `personasync results`.",
        )
    return best_offers(cells)
