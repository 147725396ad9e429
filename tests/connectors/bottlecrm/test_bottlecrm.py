"""BottleCRM's connector where no server is needed: deals as orders, opt-outs, and its refusals."""

from __future__ import annotations

from typing import Any

import responses

from connectors.bottlecrm.connector import BottleCrm
from connectors.connector import Connection
from connectors.records import Change
from connectors.secret import Secret
from sync.workspace.manifest import plugin_manifest

API = "https://crm.example/api"
DATED = {"Date": "Mon, 30 Nov 2026 20:55:53 GMT"}


def crm() -> BottleCrm:
    spec = plugin_manifest().connectors["bottlecrm"].as_mapping()
    kinds = {"ps_confidence": "number"}
    settings = {"site": "https://crm.example", "opt_out_field": "no_mail"}
    return BottleCrm(Connection("crm", settings, spec, Secret("bcrm_pat_1"), owned=tuple(kinds), kinds=kinds))


def deal(key: str, kind: str, **more: Any) -> dict[str, Any]:
    known = {"amount": "12.30", "currency": "GBP", "closed_on": "2026-10-02", "contacts": [{"id": "c1"}, {"id": "c2"}]}
    return {"id": key, "stage_kind": kind, "created_at": "2026-10-01T09:00:00Z", **known, **more}


def contact(**more: Any) -> dict[str, Any]:
    moment = "2026-11-30T20:55:53.208711Z"
    return {
        "id": "c1",
        "email": "Ada@People.test",
        "tags": [],
        "is_active": True,
        "created_at": moment,
        "updated_at": moment,
        **more,
    }


@responses.activate
def test_deals_that_are_closed_are_orders_of_their_first_contact() -> None:
    deals = [deal("1", "won"), deal("2", "lost", closed_on=None), deal("3", "open"), deal("4", "won", contacts=[])]
    responses.get(f"{API}/opportunities/", json={"opportunities": deals}, headers=DATED)
    pages = list(crm().read("orders", {}))
    rows = [row for page in pages for row in page.rows.to_pylist()]

    assert [(row["order_id"], row["state"], row["contact_key"]) for row in rows] == [
        ("1", "placed", "crm:c1"),
        ("2", "cancelled", "crm:c1"),
        ("4", "placed", None),
    ]
    assert [row["at"].isoformat() for row in rows[:2]] == ["2026-10-02T00:00:00+00:00", "2026-10-01T09:00:00+00:00"]
    assert (rows[0]["amount"], rows[0]["currency"]) == (12.3, "GBP")
    assert [page.cursor is None for page in pages] == [True, False]
    assert pages[-1].total == 3


@responses.activate
def test_who_has_the_workspaces_opt_out_field_is_unsubscribed_and_others_are_not_known() -> None:
    fields: list[dict[str, Any]] = [{"no_mail": True}, {"no_mail": False}, {}]
    listed = [contact(id=f"c{n}", custom_fields=custom) for n, custom in enumerate(fields)]
    responses.get(f"{API}/tags/", json={"tags": []})
    responses.get(f"{API}/contacts/", json={"results": listed, "count": 3})

    assert [known.consent for known in crm().page(None, None).contacts] == ["unsubscribed", "unknown", "unknown"]


@responses.activate
def test_a_refusal_is_told_in_words_and_a_success_that_wrote_nothing_is_found() -> None:
    words = {"error": True, "errors": {"custom_fields": {"ps_confidence": "must be a number"}}}
    responses.get(f"{API}/tags/", json={"tags": []})
    responses.patch(f"{API}/contacts/c1/", status=400, json=words)
    responses.patch(f"{API}/contacts/c2/", json={"error": False, "message": "Contact Updated Successfully"})
    responses.get(f"{API}/contacts/c2/", json={"contact_obj": contact(id="c2", custom_fields={})})
    changes = [Change("crm", key, key, None, "field", "ps_confidence", None, "0.9") for key in ("c1", "c2")]
    [outcomes] = crm().push(changes)

    assert [outcome.code for outcome in outcomes] == ["http_400", "not_kept"]
    assert "must be a number" in outcomes[0].reason
    assert "reported success but shows None" in outcomes[1].reason


@responses.activate
def test_tags_of_others_stay_where_ours_are_written() -> None:
    tags = [{"id": f"t{n}", "name": name, "is_active": True} for n, name in enumerate(("ps:a", "theirs", "ps:b"))]
    responses.get(f"{API}/tags/", json={"tags": tags})
    responses.get(f"{API}/contacts/c1/", json={"contact_obj": contact(tags=["t1", "t0"], custom_fields={})})
    responses.patch(f"{API}/contacts/c1/", json={"error": False})
    moves = [
        Change("crm", "c1", "p", None, "group", "a", "member", None),
        Change("crm", "c1", "p", None, "group", "b", None, "member"),
    ]
    list(crm().push(moves))
    [written] = [call.request.body for call in responses.calls if call.request.method == "PATCH"]

    assert written == b'{"tags": ["t1", "t2"]}'
