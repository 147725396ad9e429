"""By hand, within seconds: the service keeps to pins, to [exclude] and to caps, as `assign` and `plan` do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.assign.job import assign
from sync.assign.pins import pin, unpin
from sync.session import Stores
from tests.sync.conftest import Platforms, edit
from tests.sync.webhooks.conftest import serving, session_on

EXCLUDE = '[exclude]\naddresses = ["zoe@new.test"]\nrule = "lifecycle_stage = \'other\'"\n\n[guardrails]'
SEGMENT = "personasync_segment"
LATER = datetime(2099, 1, 31, tzinfo=UTC)


@pytest.mark.long
def test_the_service_keeps_to_pins_exclusion_and_caps(looped: Platforms) -> None:
    with session_on(looped) as session:
        newcomers = assign(session, as_of=session.now()).segments.get("newcomers", 0)
    edit(
        looped,
        'name = "newcomers"',
        f'name = "newcomers"\ncap = {newcomers + 1}\ncap_by = "-tenure_days"',
        "segments.toml",
    )
    edit(looped, "[guardrails]", EXCLUDE)
    with session_on(looped) as session:
        assign(session, as_of=session.now())

    with serving(looped) as served:
        control = served.service.control
        by_hand = Stores(served.service.workspace, control)
        zoe, max_, ada = (served.newcomer(f"{name}@new.test") for name in ("zoe", "max", "ada"))
        served.turn(max_, value="other", number=7)
        assert served.hubspot([served.created(zoe, number=3)]).ok
        served.idle()
        assert [served.property(contact, SEGMENT) for contact in (zoe, max_)] == ["", ""]
        assert served.action(zoe, "asked").json()["outputFields"]["segment"] == ""

        # zoe and max are in the segment, though nothing is written to them: its places are taken in turn
        assert served.hubspot([served.created(ada, number=4)]).ok
        served.idle()
        assert control.people.holding(["newcomers"]) == newcomers + 1
        assert served.property(ada, SEGMENT) == ""

        pin(by_hand, "ada@new.test", "regulars", until=LATER, reason="a friend", by="Ada")
        served.idle()
        assert served.property(ada, SEGMENT) == "regulars"
        assert served.property(ada, "personasync_reason") == "set by hand until 2099-01-30"
        assert served.property(ada, "personasync_confidence") == ""

        unpin(by_hand, "ada@new.test", by="Ada")
        served.idle()
        assert served.property(ada, SEGMENT) == ""

        known = next(r for r in looped.crm.contacts.values() if r["properties"].get(SEGMENT) == "gift_buyers")
        kim = known["properties"]["email"]
        pin(by_hand, kim, "bargain_hunters", until=LATER, reason="a friend", by="Ada")
        served.idle()
        assert served.property(known["id"], SEGMENT) == "bargain_hunters"

    with session_on(looped) as session:  # the service decided after the last pull: what came since is known here too
        unpin(session, kim, by="Ada")
        assign(session, as_of=session.now())
        who = session.control.links.of_keys([f"mailto:{kim.lower()}"])[f"mailto:{kim.lower()}"]
        published = session.control.people.published([who])[who].assignment
    assert published is not None
    assert published["segment"] == "gift_buyers"
