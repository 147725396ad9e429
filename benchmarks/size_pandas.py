"""The alternative in `size`: campaign results by persona and variant, counted by pandas from the same rows."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd

TABLES = ("deliveries", "engagements", "orders", "assignments")


def main(folder: Path) -> None:
    """Read what `size` made in *folder*, and count people by campaign, variant and persona at the sending."""
    with duckdb.connect(folder / "workspace" / ".personasync" / "warehouse.duckdb", read_only=True) as engine:
        rows = {name: engine.sql(f"FROM {name}").arrow().read_all().to_pandas() for name in TABLES}
    links = pd.read_parquet(folder / "rows" / "links.parquet")
    keys = ["connection", "campaign_id", "person_id"]
    sent = rows["deliveries"].sort_values("sequence").drop_duplicates(["connection", "campaign_id", "contact_key"])
    sent = sent[sent.status == "sent"].merge(links, on="contact_key")
    acts = rows["engagements"].drop_duplicates(["connection", "event_id"]).merge(links, on="contact_key")
    for kind in ("open", "click"):
        did = acts[acts.kind == kind][keys].drop_duplicates().assign(**{kind: True})
        sent = sent.merge(did, on=keys, how="left")
    placed = rows["orders"][rows["orders"].state == "placed"].merge(links, on="contact_key")
    near = sent[[*keys, "at"]].merge(placed[["person_id", "at"]], on="person_id", suffixes=("", "_placed"))
    inside = (near.at_placed >= near["at"]) & (near.at_placed <= near["at"] + pd.Timedelta(days=7))
    sent = sent.merge(near[inside][keys].drop_duplicates().assign(order=True), on=keys, how="left")
    versions = rows["assignments"][["person_id", "persona", "recorded_at"]].sort_values("recorded_at")
    told = pd.merge_asof(sent.sort_values("at"), versions, left_on="at", right_on="recorded_at", by="person_id")
    by = ["connection", "campaign_id", "variant", "persona"]
    print(len(told.groupby(by, dropna=False)[["open", "click", "order"]].count()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
