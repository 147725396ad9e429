"""The stand-ins are referees: they refuse what is not described, find what they answer wrongly, and count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors.base.pace import windows_of
from connectors.connector import Connector
from connectors.records import MEMBER, Change, FieldDefinition
from tests.described import brevo_platform, klaviyo_platform
from tests.described.brevo_platform import BrevoPlatform
from tests.described.brevo_stand import BrevoStand
from tests.described.clocks import TickingClock
from tests.described.conftest import connected
from tests.described.description import DescribedOperation
from tests.described.klaviyo_description import klaviyo_revision
from tests.described.klaviyo_platform import KlaviyoPlatform
from tests.described.klaviyo_stand import KlaviyoStand
from tests.described.stand_in import StandIn

pytestmark = pytest.mark.outside
TYPE = klaviyo_platform.TYPE
KLAVIYO = {"Authorization": f"Klaviyo-API-Key {klaviyo_platform.KEY}", "Accept": TYPE, "Content-Type": TYPE}
BREVO = {"api-key": brevo_platform.KEY}
PATCH = {"data": {"type": "profile", "id": "01P00000001", "attributes": {"properties": {"ps_segment": "x"}}}}
CONSENT = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}


def asked(
    platform: StandIn, headers: Mapping[str, str], method: str, target: str, body: Any = None
) -> tuple[int, Any, dict[str, str]]:
    return platform.answer(method, target, headers, b"" if body is None else json.dumps(body).encode())


@pytest.fixture
def klaviyo() -> Iterator[KlaviyoPlatform]:
    with KlaviyoPlatform(TickingClock(0)) as platform:
        platform.person("ada@people.test")
        yield platform


@pytest.fixture
def brevo() -> Iterator[BrevoPlatform]:
    with BrevoPlatform(TickingClock(1)) as platform:
        yield platform


@pytest.fixture
def headers() -> dict[str, str]:
    return {**KLAVIYO, "revision": klaviyo_revision()}


@pytest.mark.parametrize(
    ("method", "target", "body", "why"),
    [
        ("GET", "/api/profiles?page[limit]=5", None, "not a parameter"),
        ("GET", "/api/profiles?page[size]=101", None, "less than or equal to 100"),
        ("GET", "/api/lists?page[size]=11", None, "less than or equal to 10"),
        ("GET", "/api/profiles?sort=swims", None, "can't be sorted"),
        ("GET", '/api/profiles?filter=equals(properties,"x")', None, "can't filter"),
        ("GET", '/api/profiles?filter=contains(email,"x")', None, "can't filter"),
        ("GET", "/api/profiles?fields[profile]=swims", None, "no attributes"),
        ("PATCH", "/api/profiles/01P00000001", {"data": {**PATCH["data"], "swims": 1}}, "not described"),
        ("PATCH", "/api/profiles/01P00000001", {"data": {"type": "profile", "id": "01P00000001"}}, "attributes"),
        ("PATCH", "/api/profiles/01P00000001", None, "needs a body"),
        ("PUT", "/api/profiles/01P00000001", PATCH, "there is no PUT"),
        ("POST", "/api/campaign-values-reports", {"data": {"type": "list", "attributes": {}}}, "type"),
    ],
)
def test_klaviyos_refuses_what_is_not_described(
    klaviyo: KlaviyoPlatform, headers: dict[str, str], method: str, target: str, body: Any, why: str
) -> None:
    status, answer, _ = asked(klaviyo, headers, method, target, body)

    assert 400 <= status < 500
    assert why in answer["errors"][0]["detail"]
    assert klaviyo.refusals


def test_klaviyos_takes_no_consent_in_a_profile(klaviyo: KlaviyoPlatform, headers: dict[str, str]) -> None:
    body = {"data": {**PATCH["data"], "attributes": {"subscriptions": CONSENT}}}
    status, answer, _ = asked(klaviyo, headers, "PATCH", "/api/profiles/01P00000001", body)

    assert (status, "subscriptions is not described" in answer["errors"][0]["detail"]) == (400, True)


@pytest.mark.parametrize("wrong", [{"revision": "2020-01-01"}, {"Authorization": "x"}, {"Accept": "text/html"}])
def test_klaviyos_refuses_strangers(klaviyo: KlaviyoPlatform, headers: dict[str, str], wrong: dict[str, str]) -> None:
    assert 400 <= asked(klaviyo, headers | wrong, "GET", "/api/profiles")[0] < 500


@pytest.mark.parametrize(
    ("method", "target", "body", "why"),
    [
        ("GET", "/v3/contacts?swims=1", None, "not a parameter"),
        ("GET", "/v3/contacts?sort=up", None, "none of"),
        ("GET", "/v3/contacts?limit=1001", None, "too high"),
        ("GET", f"/v3/contacts?{'&'.join(f'ids={n}' for n in range(21))}", None, "too many ids"),
        ("POST", "/v3/contacts/batch", {"contacts": [{"id": 1, "swims": 2}]}, "not described"),
        ("POST", "/v3/contacts/batch", {"people": []}, "Extra inputs"),
        ("POST", "/v3/contacts/lists", {"name": "x"}, "Field required"),
        ("POST", "/v3/contacts/attributes/normal/SWIMS", {"type": "duck"}, "none of"),
        ("DELETE", "/v3/contacts/batch", None, "the stand-in can't"),
    ],
)
def test_brevos_refuses_what_is_not_described(
    brevo: BrevoPlatform, method: str, target: str, body: Any, why: str
) -> None:
    status, answer, _ = asked(brevo, BREVO, method, target, body)

    assert 400 <= status <= 501
    assert why in answer["message"]


def test_an_answer_that_the_description_does_not_allow_is_found(
    klaviyo: KlaviyoPlatform, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = klaviyo.act(next(o for o in klaviyo.operations if o.name == "get_profiles"), {}, {}, None)
    shown["data"][0]["attributes"]["swims"] = True
    monkeypatch.setattr(klaviyo, "act", lambda *_: shown)

    assert asked(klaviyo, headers, "GET", "/api/profiles")[0] == 500
    assert klaviyo.faults == ["answer.data[0].attributes.swims is not described"]


def test_who_comes_too_often_is_turned_away_and_told_when_to_come(
    klaviyo: KlaviyoPlatform, headers: dict[str, str]
) -> None:
    answers = [asked(klaviyo, headers, "GET", "/api/profiles") for _ in range(76)]

    assert [status for status, _, _ in answers] == [200] * 75 + [429]
    assert answers[0][2] == {"RateLimit-Limit": "750", "RateLimit-Remaining": "749", "RateLimit-Reset": "40"}
    assert answers[-1][2] == {"Retry-After": "1"}
    assert klaviyo.turned_away == {"GET /api/profiles": 1}


def test_brevos_hundred_an_hour_are_for_all_that_is_beside_contacts(brevo: BrevoPlatform) -> None:
    targets = ["/v3/account", "/v3/emailCampaigns"] * 50 + ["/v3/account", "/v3/contacts"]
    answers = [asked(brevo, BREVO, "GET", target) for target in targets]

    assert [status for status, _, _ in answers] == [200] * 100 + [429, 200]
    assert set(answers[-2][2]) == {"x-sib-ratelimit-reset"}
    assert answers[-1][2]["x-sib-ratelimit-limit"] == "10"


# ------------------------------------------------------------------------------------- nothing makes a profile
def walked(stand: BrevoStand | KlaviyoStand) -> set[str]:
    """Use everything that a connector can do, and return the endpoints that it asked."""
    keys = [stand.add(f"person{number}@people.test") for number in range(3)]
    connector: Connector = connected(stand.spec, stand.factory, stand.base_url, stand.secret)
    fields = [FieldDefinition(f.name, f.label, f.type) for f in stand.spec.fields if not f.optional]
    for step in connector.missing(fields, ["buyers", "walkers"]):
        connector.create(step)
    connector.check()
    for stream in (*connector.streams, *connector.result_streams):
        pages = list(connector.read(stream, {}))
        list(connector.read(stream, pages[-1].cursor or {}))
    connector.fetch(keys, ["person1@people.test", "stranger@people.test"])
    gone = [*keys, "999999" if isinstance(stand, BrevoStand) else "01P99999999"]
    for after, member in (("x", MEMBER), (None, None)):
        fill = [Change("email", key, key, None, "field", fields[0].name, None, after) for key in gone]
        move = [Change("email", key, key, None, "group", "buyers", None, member) for key in gone]
        outcomes = [outcome for batch in connector.push([*fill, *move]) for outcome in batch]
        assert {o.change.platform_id for o in outcomes if o.state != "applied"} == {gone[-1]}
    connector.close()
    return set(stand.platform.asked)


@pytest.fixture(params=[BrevoStand, KlaviyoStand])
def stand(request: pytest.FixtureRequest) -> Iterator[BrevoStand | KlaviyoStand]:
    made: BrevoStand | KlaviyoStand = request.param()
    with made.platform:
        yield made


MAKES = ("list", "attribute", "folder", "report")  # what may be made


def test_no_operation_that_is_asked_creates_contacts_by_its_description(stand: BrevoStand | KlaviyoStand) -> None:
    described = {f"{o.method} {o.path}": o for o in stand.platform.operations}
    used = walked(stand)
    writing = [described[endpoint] for endpoint in used if not endpoint.startswith("GET ")]
    creating = {o.path for o in writing if makes_somebody(o)}
    known = klaviyo_platform.CREATING if isinstance(stand, KlaviyoStand) else brevo_platform.CREATING

    assert len(writing) >= 4
    assert creating == set()
    assert all(makes_somebody(described[endpoint]) for endpoint in known)  # the words are those of the description
    assert (stand.platform.created, stand.count(), stand.platform.faults) == (0, 3, [])
    assert sum(stand.platform.turned_away.values()) == 0


def test_the_windows_of_klaviyos_spec_are_those_of_the_description() -> None:
    stand = KlaviyoStand()
    with stand.platform:
        used = walked(stand)
    described = {f"{o.method} {o.path}": o.windows for o in stand.platform.operations}
    for endpoint in used:
        known = windows_of(stand.spec.as_mapping()["windows"], endpoint.replace(" /api/", " "))
        ours = {window["seconds"]: window["requests"] for _, window in known}
        theirs = {seconds: most for most, seconds in described[endpoint] if seconds < 86_400}

        assert set(ours) == set(theirs), endpoint
        assert all(0.9 * theirs[seconds] <= most <= theirs[seconds] for seconds, most in ours.items()), endpoint


def makes_somebody(operation: DescribedOperation) -> bool:
    """Whether the description says that an operation makes, imports or subscribes contacts."""
    said = f"{operation.name} {operation.says}".lower().replace("_", " ")
    about = any(word in operation.path for word in MAKES) and "profile-" not in operation.path
    return any(word in said for word in ("create", "import", "subscribe")) and not about
