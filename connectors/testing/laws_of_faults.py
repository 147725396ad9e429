"""Laws of faults: limits are kept, answers that are none are not taken for one, and no message tells a secret."""

from __future__ import annotations

import pytest

from connectors.errors import (
    ContractError,
    CredentialError,
    FixSettingsError,
    PersonasyncError,
    PlatformDownError,
    RateLimitError,
    TryLaterError,
)
from connectors.records import Change, Outcome
from connectors.testing.kit import Kit
from connectors.testing.law import law
from connectors.testing.proxy import Fault

WRONG = "wrong-secret-of-the-kit-us1"
ALWAYS = 30  # more often than anybody tries again


def _read_with(kit: Kit, *faults: Fault) -> set[str]:
    connector = kit.connect()
    kit.proxy.faults.extend(faults)
    return set(kit.read(connector).active)


def _error_of(kit: Kit, *faults: Fault) -> PersonasyncError:
    connector = kit.connect()
    kit.proxy.faults.extend(faults)
    with pytest.raises(PersonasyncError) as raised:
        kit.read(connector)
    kit.proxy.faults.clear()
    return raised.value


@law("429 with Retry-After waits as long as it asks", needs="network")
def faults_retry_after(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("status", 429, {"Retry-After": "7"})) == set(keys)
    assert 7.0 in kit.waits


@law("429 without Retry-After waits, and goes on", needs="network")
def faults_too_many(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("status", 429)) == set(keys)
    assert max(kit.waits) > 0


@law("429 without end is told as a limit", needs="network")
def faults_limit(kit: Kit) -> None:
    kit.people(1)

    assert isinstance(_error_of(kit, *[Fault("status", 429)] * ALWAYS), RateLimitError)


@law("503 is asked again", needs="network")
def faults_down(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("status", 503), Fault("status", 503)) == set(keys)


@law("a platform that stays down is told as such, and not tried for ever", needs="network")
def faults_stays_down(kit: Kit) -> None:
    kit.people(1)
    before = len(kit.proxy.seen)

    assert isinstance(_error_of(kit, *[Fault("status", 503)] * ALWAYS), PlatformDownError)
    assert len(kit.proxy.seen) - before < ALWAYS


@law("a web page with status 200 is no data", needs="network")
def faults_page(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("page")) == set(keys)


@law("a torn answer is no data", needs="network")
def faults_torn(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("torn")) == set(keys)


FORMS = (b"[]", b"null", b"5", b'"text"', b"true", b"{}", b"[null]", b"[[]]", b'[{"a": 1}]', b'{"a": {"b": [1]}}')
"""JSON that no platform documents for a list of contacts."""
NOT_JSON = (b"NaN", b'{"a": NaN}', b"[" * 100_000, b"9" * 10_000, b"\xff\xfe", b"{'a': 1}")


@law("an answer of another form is told as the platform's, with what was asked", needs="network")
def faults_form(kit: Kit) -> None:
    kit.people(2)
    errors = [_error_of(kit, *[Fault("answer", body=body)] * ALWAYS) for body in FORMS]

    assert {type(error) for error in errors} == {ContractError}
    assert not [error for error in errors if "GET" not in str(error) and "POST" not in str(error)]


@law("an answer that is no JSON is asked again, and then told", needs="network")
def faults_not_json(kit: Kit) -> None:
    kit.people(2)

    assert {type(_error_of(kit, *[Fault("answer", body=body)] * ALWAYS)) for body in NOT_JSON} == {PlatformDownError}


@law("an answer without its lists, or without values, is told and read as nobody's", needs="network")
def faults_hollow(kit: Kit) -> None:
    keys = kit.people(3)
    for trouble in ("no lists", "no values"):
        connector = kit.connect()
        kit.proxy.faults.extend([Fault(trouble)] * ALWAYS)
        with pytest.raises(PersonasyncError):
            kit.read(connector, known=keys)
        kit.proxy.faults.clear()


@law("a lost answer to a reading is asked for again", needs="network")
def faults_lost(kit: Kit) -> None:
    keys = kit.people(2)

    assert _read_with(kit, Fault("lost")) == set(keys)


@law("a redirect is not followed", needs="network")
def faults_redirected(kit: Kit) -> None:
    kit.people(1)

    assert not isinstance(_error_of(kit, Fault("redirect")), TryLaterError)


@law("401 is told as a credential that is wrong", needs="network")
def faults_unauthorized(kit: Kit) -> None:
    kit.people(1)

    assert isinstance(_error_of(kit, *[Fault("status", 401)] * 3), CredentialError)


@law("403 is told as something to be set right", needs="network")
def faults_forbidden(kit: Kit) -> None:
    kit.people(1)

    assert isinstance(_error_of(kit, *[Fault("status", 403)] * 3), FixSettingsError)


@law("no message tells the secret", needs="network")
def faults_secret(kit: Kit) -> None:
    kit.people(1)
    troubles = [Fault("status", status) for status in (401, 403, 404, 400, 429, 503)]
    said = [str(_error_of(kit, *[fault] * ALWAYS)) for fault in troubles]
    said += [finding.message + finding.fix for finding in kit.connect(secret=WRONG).check()]

    assert all(said)
    assert not [text for text in said if kit.stand.secret in text or WRONG in text]


@law("the secret stands in no address and in no shown form of the connector", needs="network")
def faults_hidden(kit: Kit) -> None:
    kit.people(1)
    connector = kit.connect()
    kit.read(connector)

    assert kit.proxy.seen
    assert not [request for request in kit.proxy.seen if kit.stand.secret in request.target]
    assert kit.stand.secret not in repr(connector)


@law("a wrong secret is a failed check, and no crash", needs="network")
def faults_wrong_secret(kit: Kit) -> None:
    assert "fail" in {finding.state for finding in kit.connect(secret=WRONG).check()}


@law("a missing secret is told before anything is asked", needs="network")
def faults_no_secret(kit: Kit) -> None:
    with pytest.raises(FixSettingsError):
        kit.connect(secret="")

    assert not kit.proxy.seen


@law("a good account passes the check, and the check writes nothing", needs="network")
def faults_checked(kit: Kit) -> None:
    findings = kit.connect().check()

    assert findings
    assert "fail" not in {finding.state for finding in findings}
    assert not kit.proxy.writes


@law("a host that the spec does not name is refused", needs="network")
def faults_foreign_host(kit: Kit) -> None:
    with pytest.raises(FixSettingsError):
        kit.read(kit.connect(base_url="https://elsewhere.example"))


@law("every request goes to the address of the settings, and is counted", needs="network")
def faults_counted(kit: Kit) -> None:
    kit.people(7)
    connector = kit.connect()
    before = len(kit.proxy.seen)
    kit.read(connector)

    assert len(kit.proxy.seen) - before == sum(connector.traffic.requests.values()) > 0


@law("endpoints are counted without ids", needs="network")
def faults_endpoints(kit: Kit) -> None:
    keys = kit.people(2)
    connector = kit.connect()
    kit.read(connector)
    connector.fetch(keys, ["person1@people.test"])

    assert not [end for end in connector.traffic.requests if "@" in end or any(key in end for key in keys)]


@law("reading writes nothing", needs="network")
def faults_only_read(kit: Kit) -> None:
    kit.people(7)
    connector = kit.connect()
    kit.read(connector)

    assert connector.traffic.writes == 0


@law("a write is counted as one", needs="fields")
def faults_counted_write(kit: Kit) -> None:
    [key] = kit.people(1)
    connector = kit.ready()
    before = connector.traffic.writes
    kit.write(connector, kit.change(key, "value"))

    assert connector.traffic.writes == before + 1


@law("a write whose answer is lost is not said to be refused", needs="fields")
def faults_lost_write(kit: Kit) -> None:
    [key] = kit.people(1)
    connector, change = kit.ready(), kit.change(key, "value")
    kit.proxy.write_faults.append(Fault("lost"))
    states = _states(kit, change)

    assert states <= {"applied", "unknown"}
    assert connector.read_back([change]) == {(key, "field", kit.own): "value"}


@law("a write that nobody answers is unknown, and the writing ends there", needs="fields")
def faults_unknown(kit: Kit) -> None:
    keys = kit.people(9)
    changes = [kit.change(key, "value") for key in keys]
    connector = kit.ready()
    kit.proxy.write_faults.extend([Fault("lost")] * ALWAYS * len(keys))  # some write each by itself
    held: list[Outcome] = []
    with pytest.raises(PlatformDownError):
        held.extend(outcome for batch in connector.push(changes) for outcome in batch)
    kit.proxy.write_faults.clear()

    assert {outcome.state for outcome in held} <= {"unknown"}
    assert len(held) < len(changes) or len(kit.proxy.writes) < ALWAYS * len(keys)


@law("a write that was answered with 503 or 429 is sent again", needs="fields")
def faults_again(kit: Kit) -> None:
    [key] = kit.people(1)
    connector = kit.ready()
    kit.proxy.write_faults.extend([Fault("status", 503), Fault("status", 429, {"Retry-After": "1"})])
    [outcome] = kit.write(connector, kit.change(key, "value"))

    assert (outcome.state, kit.stand.shows(key).get(kit.own)) == ("applied", "value")


def _states(kit: Kit, *changes: Change) -> set[str]:
    states: set[str] = set()
    try:
        for batch in kit.connect().push(changes):
            states |= {outcome.state for outcome in batch}
    except PlatformDownError:
        pass
    return states
