"""Opt-outs seen by pulls and the webhook service, kept after the record is gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import Engine, delete, select

from sync.control import schema
from sync.control.dialects import insert_for, writing

OPT_OUT = schema.opt_out
AT_ONCE = 2000  # rows a statement


class OptOuts:
    """The last refusal that records showed, by contact key."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def note(
        self, refusals: Mapping[str, str], withdrawn: Collection[str], *, seen_before: datetime | None = None
    ) -> None:
        """Note what records show that are in use: a refusal, or none any more.

        Args:
            refusals: Consent by contact key.
            withdrawn: Contact keys of records that show no refusal.
            seen_before: Keep what was noted at this moment (UTC) or later: who read the records did so before it.
        """
        known = self.of([*refusals, *withdrawn])
        new = {key: consent for key, consent in refusals.items() if known.get(key) != consent}
        old = sorted({*new, *withdrawn} & known.keys())
        if not new and not old:
            return
        rows = [{"contact_key": key, "consent": consent, "seen_at": self.now()} for key, consent in sorted(new.items())]
        with writing(self.engine) as connection:
            for start in range(0, len(old), AT_ONCE):
                mine = delete(OPT_OUT).where(OPT_OUT.c.contact_key.in_(old[start : start + AT_ONCE]))
                connection.execute(mine if seen_before is None else mine.where(OPT_OUT.c.seen_at < seen_before))
            if rows:
                connection.execute(insert_for(self.engine, OPT_OUT).on_conflict_do_nothing(), rows)

    def of(self, contact_keys: Collection[str]) -> dict[str, str]:
        """Return the refusals of some records, by contact key.

        Returns:
            Contacts that never refused are left out.
        """
        listed, consents = sorted(set(contact_keys)), {}
        with self.engine.connect() as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = OPT_OUT.c.contact_key.in_(listed[start : start + AT_ONCE])
                rows = connection.execute(select(OPT_OUT.c.contact_key, OPT_OUT.c.consent).where(part))
                consents.update({key: consent for key, consent in rows})  # noqa: C416 - a Row is no pair to mypy
        return consents
