"""What a spec declares in place of code: signatures, events, paging, the requests of a push, and paths."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Delivery, DerivedConnector, MalformedError, OrderSource, SourceOrder, moment
from connectors.base.push_cost import requests_of, units_of
from connectors.base.reading import first_found, optional_at, required_at
from connectors.connector import Connection
from connectors.errors import ContractError, FixSettingsError, PlatformDownError, SignatureError
from connectors.records import Change
from connectors.secret import Secret
from connectors.spec import ConnectorSpec, parse_spec

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SECRET, URL = "of-the-lake", "https://hooks.acme.test/webhooks/lake"
HEAD = 'title = "Lake"\nkind = "email"\nbase_url = "https://api.lake.example"\nhosts = ["api.lake.example"]\n'
BODY = b'{"what": "joined", "swan": {"id": "s1", "mail": "Ada@People.test"}}'


def spec_of(text: str) -> ConnectorSpec:
    return parse_spec(HEAD + text, where="lake.toml")


def digest(message: bytes, secret: str = SECRET) -> bytes:
    return hmac.digest(secret.encode(), message, hashlib.sha256)


def delivery(spec: ConnectorSpec, headers: Mapping[str, bytes], body: bytes = BODY, now: datetime = NOW) -> Delivery:
    sent = [(name.lower().encode(), value) for name, value in headers.items()]
    return Delivery("POST", URL, sent, body, now, Secret(SECRET), spec=spec.as_mapping())


# --------------------------------------------------------------------------------------------------- signatures
SECONDS, MILLISECONDS = b"%d" % NOW.timestamp(), b"%d" % (NOW.timestamp() * 1000)
SCHEMES: dict[str, tuple[str, dict[str, bytes], bool]] = {
    "hex of the body, without a time": (
        'header = "X-Sig"\nform = "sha256={hex}"',
        {"X-Sig": b"sha256=" + digest(BODY).hex().encode()},
        False,
    ),
    "base64, and the time in a header of its own": (
        'header = "X-Sig"\nform = "{base64}"\ntime_header = "X-Time: {seconds}"\nsigns = "{method}{url}{body}{time}"',
        {"X-Sig": b64encode(digest(b"POST" + URL.encode() + BODY + SECONDS)), "X-Time": SECONDS},
        True,
    ),
    "seconds before the signature": (
        'header = "X-Sig"\nform = "t={seconds},v1={hex}"\nsigns = "{time}.{body}"',
        {"X-Sig": b"t=" + SECONDS + b",v1=" + digest(SECONDS + b"." + BODY).hex().encode()},
        True,
    ),
    "milliseconds behind the signature": (
        'header = "X-Sig"\nform = "sha256={hex}, t={milliseconds}"\nsigns = "{body}{time}"',
        {"X-Sig": b"sha256=" + digest(BODY + MILLISECONDS).hex().encode() + b", t=" + MILLISECONDS},
        True,
    ),
}


def signed(name: str, **more: Any) -> Delivery:
    text, headers, _ = SCHEMES[name]
    return delivery(spec_of(f"[deliveries.signature]\n{text}"), headers, **more)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_delivery_that_is_signed_as_declared_passes_and_another_does_not(name: str) -> None:
    holds_time = SCHEMES[name][2]

    assert DerivedConnector.verify(signed(name)) is holds_time
    with pytest.raises(SignatureError, match="wrong"):
        DerivedConnector.verify(signed(name, body=BODY + b" "))
    for away in (timedelta(seconds=301), timedelta(seconds=-301)):
        late = signed(name, now=NOW + away)
        if holds_time:
            with pytest.raises(SignatureError, match="s from now"):
                DerivedConnector.verify(late)
        else:
            assert DerivedConnector.verify(late) is False


@pytest.mark.parametrize("name", SCHEMES)
@given(st.binary(max_size=120))
def test_whatever_stands_in_the_header_ends_in_the_one_error(name: str, value: bytes) -> None:
    text, headers, _ = SCHEMES[name]
    spec = spec_of(f"[deliveries.signature]\n{text}")
    for header in headers:
        with pytest.raises(SignatureError):
            DerivedConnector.verify(delivery(spec, {**headers, header: value}))


def test_without_a_declared_signature_nothing_passes() -> None:
    with pytest.raises(SignatureError, match="declares no signature"):
        DerivedConnector.verify(delivery(spec_of(""), {}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('form = "sha256={hexx}"', "`form` can't have {hexx}"),
        ('form = "t={seconds}"', "`form` has neither {hex} nor {base64}"),
        ('form = "{hex}"\nsigns = "{secret}"', "`signs` can't have {secret}"),
        ('form = "{hex}"\ntime_header = "X-Time: {hex}"', "`time_header` can't have {hex}"),
        ("window = 0", "greater than 0"),
    ],
)
def test_a_signature_that_nobody_could_make_is_a_fault_of_the_spec(text: str, said: str) -> None:
    with pytest.raises(FixSettingsError) as refused:
        spec_of(f"[deliveries.signature]\n{text}")

    assert said in str(refused.value)


# ------------------------------------------------------------------------------------------------------- events
EVENTS = """\
[deliveries.events]
about = "swan"
kind = "what"
ids = ["swan.id"]
addresses = ["swan.mail"]
values = "swan.values"
only_values = ["moulted"]
gone = ["flown"]
erased = ["cooked"]
[deliveries.signature]
header = "X-Sig"
form = "{hex} {milliseconds}"
signs = "{body}{time}"
"""


def told(body: Any, headers: Mapping[str, bytes] | None = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DerivedConnector.parse(delivery(spec_of(EVENTS), headers or {}, raw))


def test_an_event_is_found_where_the_spec_says() -> None:
    [event] = told(BODY)

    assert (event.ids, event.addresses, event.kind, event.means) == (("s1",), ("ada@people.test",), "joined", "")
    assert event.at == NOW


@pytest.mark.parametrize(
    ("kind", "values", "means"),
    [("moulted", {"down": None}, "values"), ("moulted", {}, ""), ("flown", {}, "gone"), ("cooked", {}, "erased")],
)
def test_kinds_mean_what_the_spec_says(kind: str, values: Any, means: str) -> None:
    [event] = told({"what": kind, "swan": {"id": 7, "values": values}})

    assert (event.ids, event.means, event.changed) == (("7",), means, dict.fromkeys(values, ""))


def test_the_time_of_the_signature_is_that_of_the_event_and_tells_one_from_another() -> None:
    ids = []
    for stamp in (MILLISECONDS, b"1"):
        [event] = told(BODY, {"X-Sig": b"0" * 64 + b" " + stamp})
        ids.append(event.id)
        assert event.at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(stamp))

    assert ids[0] != ids[1]


def test_an_event_about_something_else_is_none() -> None:
    assert told({"what": "rained", "lake": {}}) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b'{"swan": {}}', b'{"swan": {"id": null}}', b'{"swan": {"id": "s", "values": [1]}}']
)
def test_rubbish_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        told(body)


def test_a_moment_that_no_calendar_has_is_malformed() -> None:
    with pytest.raises(MalformedError):
        told(BODY, {"X-Sig": b"0" * 64 + b" " + b"9" * 15})


# ------------------------------------------------------------------------------------------------------- paging
class Lake(DerivedConnector):
    def orders_since(self, since: datetime | None) -> Any:
        del since
        for answer in self.client.pages("orders", "orders", size=2):
            yield [SourceOrder(o["id"], None, moment("2026-12-01"), 1.0, "EUR") for o in answer["orders"]]


def lake(paging: str = "") -> Lake:
    return Lake(Connection("lake", {}, spec_of(paging).as_mapping()))


@responses.activate
def test_a_list_goes_on_by_offsets() -> None:
    for start, ids in ((0, "ab"), (2, "c")):
        responses.get(
            f"https://api.lake.example/swans?limit=2&offset={start}", json={"swans": [{"id": key} for key in ids]}
        )

    assert [swan["id"] for swan in lake().client.listed("swans", "swans", size=2)] == ["a", "b", "c"]


@pytest.mark.parametrize("told", ["two", "https://api.lake.example/swans?after=two&x=1"])
@responses.activate
def test_a_list_goes_on_where_an_answer_says(told: str) -> None:
    paging = '[paging]\nplace = "after"\nnext = "more.next"\n'
    responses.get("https://api.lake.example/swans", json={"swans": [{"id": "a"}], "more": {"next": told}})
    responses.get("https://api.lake.example/swans?after=two", json={"swans": [{"id": "b"}], "more": None})

    assert [swan["id"] for swan in lake(paging).client.listed("swans", "swans")] == ["a", "b"]


@responses.activate
def test_a_list_that_never_ends_is_told() -> None:
    responses.get("https://api.lake.example/swans", json={"swans": [{"id": "a"}, {"id": "b"}]})

    with pytest.raises(PlatformDownError, match="repeat"):
        list(lake().client.listed("swans", "swans", size=2))


@responses.activate
def test_what_is_not_there_is_none_and_no_list_is_told() -> None:
    responses.get("https://api.lake.example/swans/s1", status=404, json={})
    responses.get("https://api.lake.example/swans", json={"geese": []})

    assert lake().client.find("swans/{id}", id="s1") is None
    with pytest.raises(ContractError, match="'swans' is missing"):
        list(lake().client.listed("swans", "swans", size=2))


@responses.activate
def test_orders_are_a_stream_of_whoever_has_them() -> None:
    dated = {"Date": "Tue, 01 Dec 2026 12:00:00 GMT"}
    responses.get("https://api.lake.example/orders", json={"orders": [{"id": "1"}]}, headers=dated)
    connector = lake()
    pages = list(connector.read("orders", {}))

    assert isinstance(connector, OrderSource)
    assert connector.streams == ("contacts", "orders")
    assert [(page.rows.num_rows, page.cursor is None) for page in pages] == [(1, True), (0, False)]
    assert str(pages[-1].cursor).startswith("{'since': '2026-12-01T11:00:0")
    with pytest.raises(ContractError, match="no stream 'activity'"):
        list(connector.read("activity", {}))


# ---------------------------------------------------------------------------------------------- paths, and costs
def test_a_path_leads_through_keys_and_lists_and_says_where_it_ends() -> None:
    answer = {"data": [{"name": "", "alias": "Ada", "none": None}]}

    assert required_at(answer, "data.0.alias") == "Ada"
    assert (optional_at(answer, "data.1.name"), optional_at(answer, "data.0.none.deep"), optional_at(answer, "")) == (
        None,
        None,
        answer,
    )
    assert first_found(answer, ["data.0.name", "data.0.none", "data.0.alias"]) == "Ada"
    with pytest.raises(KeyError):
        required_at(answer, "meta.next")
    with pytest.raises(AttributeError):
        optional_at(answer, "data.0.name.first")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T02:00:00+02:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_is_utc(text: str | None, told: datetime | None) -> None:
    assert moment(text) == told


def test_the_requests_of_a_push_are_counted_by_what_they_are_sent_for() -> None:
    def change(key: str, kind: Any, name: str, after: str | None = "x") -> Change:
        return Change("email", key, key, None, kind, name, None, after)

    first = [[change("1", "field", "a"), change("1", "group", "g")], [change("2", "group", "g")]]
    second = [[change("3", "group", "g", None), change("3", "group", "h")], [change("4", "field", "a")]]
    units = units_of([first, second], sample=3, groups=2, ids_page=1)

    assert units == {
        "push": 1,
        "batch": 2,
        "batch_with_groups": 2,
        "contact": 4,
        "contact_with_fields": 2,
        "contact_with_groups": 3,
        "sampled": 3,
        "group_entered": 2,
        "group_left": 1,
        "ids_page": 4,
        "our_groups": 6,
    }
    assert requests_of({"PUT a": ["push", "batch"], "PUT b": []}, units) == {"PUT a": 3}
    assert not any(units_of([], sample=3, groups=2, ids_page=1).values())
