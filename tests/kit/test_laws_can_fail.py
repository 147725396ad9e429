"""Each law can fail: a connector that is wrong in the way that it is about does not keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.testing.kit import Kit
from connectors.testing.law import LAWS
from connectors.testing.proxy import FaultyProxy
from tests.kit.broken_ponds import (
    UNSPECIFIC,
    Alarmist,
    Bare,
    Boastful,
    Careless,
    Eager,
    Forgetful,
    Gullible,
    HollowReader,
    Mistrustful,
    Raw,
)
from tests.kit.pond_stand import PondStand
from tests.outside.pond_platform import PondPlatform

pytestmark = pytest.mark.outside
BROKEN: dict[Any, tuple[str, ...]] = {
    Alarmist: (
        "429 with Retry-After waits as long as it asks",
        "429 without Retry-After waits, and goes on",
        "503 is asked again",
        "a lost answer to a reading is asked for again",
        "a reading from the cursor tells nothing else than before where nothing changed",
        "nobody who is there is told as gone",
        "what is fetched is what is read",
    ),
    Bare: (
        "429 without end is told as a limit",
        "a platform that stays down is told as such, and not tried for ever",
        "a web page with status 200 is no data",
        "a torn answer is no data",
        "a redirect is not followed",
        "401 is told as a credential that is wrong",
        "403 is told as something to be set right",
        "no message tells the secret",
        "the secret stands in no address and in no shown form of the connector",
        "a wrong secret is a failed check, and no crash",
        "a missing secret is told before anything is asked",
        "a good account passes the check, and the check writes nothing",
        "every request goes to the address of the settings, and is counted",
        "a write is counted as one",
    ),
    HollowReader: (
        "an answer of another form is told as the platform's, with what was asked",
        "an answer that is no JSON is asked again, and then told",
        "an answer without its lists, or without values, is told and read as nobody's",
    ),
    "spec": (
        "a host that the spec does not name is refused",
        "every scope says why it is needed",
        "the usual address is https, and one of the hosts",
        "no host is every host",
        "the secret is a reference, and not a plain setting",
        "our groups are known by what their names begin with",
        "our fields have names of their own, which fit",
        "contacts are among what the connector provides",
        "campaigns are read where the spec says so",
    ),
    Eager: (
        "endpoints are counted without ids",
        "reading writes nothing",
        "the connector is made as an entry point makes it, and asks nobody",
        "a field that is cleared is empty, and applied",
        "an undo puts back what was there before, exactly",
        "each change has one outcome, however many batches it takes",
        "writing changes nobody's consent",
    ),
    Boastful: (
        "a write whose answer is lost is not said to be refused",
        "a write that nobody answers is unknown, and the writing ends there",
        "a write that was answered with 503 or 429 is sent again",
        "setup names what is missing, and nothing after it was made",
        "a step that is done twice does no harm",
        "our fields are listed with their types, once they are there",
        "a field that is written is shown, and applied",
        "text is written letter by letter",
        "who enters a group is in it, and who leaves is not",
        "who is in a group is fetched with it",
        "one bad record among many stands alone",
        "who is gone is refused with a reason, and not made anew",
        "reading back shows what is there, and leaves out who is gone",
        "reading back tells who is in a group",
        "a sample that is read back is of what was written, and right",
        "the requests of a push are foretold",
    ),
    Forgetful: (
        "everybody is read, however many pages it takes",
        "who unsubscribed is not told as subscribed",
        "who is new is read from the cursor",
        "who changes while everybody is read is not lost",
        "who is deleted while everybody is read hides nobody else",
        "a reading goes on from every cursor that it gave",
        "who was deleted for good is told as gone by a reading of everybody",
        "a contact is fetched by its address",
        "an id that is gone is fetched as gone",
        "who opted out since the pull is told before writing, among few",
        "who opted out since the pull is told before writing, among all",
    ),
    Raw: (
        "a contact is one row, and not several that differ",
        "rows are in the schema of contacts, and name their connection",
        "addresses are in the form in which they are compared",
        "a property is told as text, letter by letter",
        "every property is text or nothing",
        "what the workspace maps is read",
        "the last page carries a cursor of texts",
        "nobody there is nobody, and no error",
        "the same platform read twice gives the same rows",
        "who changed is read from the cursor",
        "an opt-out is read from the cursor",
        "a second reading asks for less than everybody",
        "a contact is fetched by its id, as it is now",
        "an address that nobody has fetches nobody",
        "the platform's clock is told in UTC",
        "properties that feed traits are read",
        "what was written is read: a second plan would be empty",
    ),
    Careless: (
        "outcomes come batch by batch",
        "who may not be written to any more is left out at the last moment",
        "looking at what is missing writes nothing",
        "groups of others are left alone",
        "fields of others are left alone",
        "a change of a field that is not ours is refused, and nothing is sent",
        "a success that changed nothing is found",
        "nothing to write sends nothing",
        "more requests take no less time",
    ),
    Gullible: (
        "a delivery that the platform signed passes, and tells of its contact",
        "an event names its contact as the spec says",
        "an event has a moment with a time zone, a kind, and values that are text",
        "a body of which one byte is another is refused",
        "a delivery without signature is refused",
        "a signature that came twice is refused",
        "a signature with another secret, or without one, is refused",
        "a signature that holds the time is refused a day later, and a day before",
        "an event that is delivered again is the same, and that of another contact is another",
        "rubbish is refused or holds no event, and is no crash",
    ),
    Mistrustful: (
        "of several secrets the right one is enough",
        "nobody is asked to verify and read a delivery",
    ),
}
HOLDS: dict[str, Callable[[Kit], None]] = {law.name: law.holds for law in LAWS}


def test_every_law_has_a_connector_that_does_not_keep_it() -> None:
    assert sorted(name for names in BROKEN.values() for name in names) == sorted(HOLDS)
    assert len(HOLDS) == len(LAWS) >= 60


@pytest.mark.parametrize(("wrong", "name"), [(wrong, name) for wrong, names in BROKEN.items() for name in names])
def test_a_connector_that_is_wrong_does_not_keep_the_law(wrong: Any, name: str) -> None:
    with PondPlatform() as pond, FaultyProxy(pond.url) as proxy:
        stand = PondStand(pond)
        if wrong == "spec":
            stand.spec = UNSPECIFIC
        else:
            stand.factory = wrong
        Mistrustful.asked = f"{proxy.url}/hooks"
        kit = Kit(stand, proxy)
        with pytest.raises((Exception, pytest.fail.Exception)):
            HOLDS[name](kit)
        kit.close()
