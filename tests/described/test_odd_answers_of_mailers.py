"""Klaviyo and Brevo answer oddly: each value of each answer is in turn missing or another; it is told, and no crash.

What the stand-ins answer to everything that a connector does is kept, and then given again without a socket.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.connector import nobody
from connectors.errors import PersonasyncError
from connectors.records import MEMBER, Change
from connectors.transport import Call
from connectors.transport.shapes import note_answer
from tests.described.brevo_stand import BrevoStand
from tests.described.conftest import opened, sent_to_two
from tests.described.klaviyo_stand import KlaviyoStand

pytestmark = [pytest.mark.outside, pytest.mark.slow]
MISSING: Any = object()
ODD: tuple[Any, ...] = (MISSING, None, 5, "x", True, [], {}, [None], [[]], [{}], {"a": []}, float("nan"))
MANY = 300  # requests of one doing: more of them are a reading that never ends
Place = tuple[str | int, ...]
Told = dict[str, list[Any]]


def acted(klaviyo: KlaviyoStand) -> list[str]:
    key, letter = klaviyo.add("ada@people.test", text="yes"), klaviyo.platform.message("November")
    klaviyo.platform.happened("Received Email", key, **{"$message": letter})
    klaviyo.platform.happened("Clicked Email", key, **{"$message": letter, "URL": "https://shop.test/"})
    klaviyo.platform.happened("Placed Order", key, **{"$value": 12.5, "$event_id": "7"})
    klaviyo.enter(key, "ps:buyers")
    return [key]


def sent(brevo: BrevoStand) -> list[str]:
    letter, (ada, bo) = sent_to_two(brevo)
    brevo.platform.happened("opened", letter, ada, count=3, ip="192.0.2.1")
    brevo.platform.clicked(letter, ada, "https://shop.test/")
    brevo.platform.happened("hardBounces", letter, bo)
    brevo.platform.attributes |= {"PS_SEGMENT": "text", "PS_CONFIDENCE": "float"}
    brevo.platform.list_named("ps:buyers")
    return [str(key) for key in brevo.platform.contacts]


def doings(connector: Any, keys: list[str]) -> dict[str, Callable[[], Any]]:
    """Everything that a connector does, by name."""
    own = connector.connection.owned[0]
    changes = [Change("email", key, key, None, "field", own, None, "x") for key in keys]
    changes += [Change("email", key, key, None, "group", "buyers", None, MEMBER) for key in keys]
    reads = {
        f"read {stream}": lambda stream=stream: list(connector.read(stream, {}, nobody))
        for stream in (*connector.streams, *connector.result_streams)
    }
    return {
        **reads,
        "fetch ids": lambda: connector.fetch(keys, []),
        "fetch addresses": lambda: connector.fetch([], ["ada@people.test"]),
        "fields": connector.fields,
        "group names": connector.group_names,
        "check": connector.check,
        "push": lambda: list(connector.push(changes)),
        "production": connector.production,
        "probe": lambda: list(connector.probe(address="", watch=lambda _: None)),
    }


def places_in(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield where the values of an answer stand; of a list, the first entry speaks for all."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places_in(held, (*place, key))


def odd(answer: Any, place: Place, other: Any) -> Any:
    """The answer, with another value at one place of it."""
    if not place:
        return {} if other is MISSING else other
    changed = copy.deepcopy(answer)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    if other is MISSING:
        del holder[place[-1]]
    else:
        holder[place[-1]] = other
    return changed


class Recorded:
    """Gives recorded answers again, one of them with another value."""

    def __init__(self, told: Told) -> None:
        self.told, self.other, self.endpoint = told, MISSING, ""
        self.place: Place = ()
        self.asked: dict[str, int] = defaultdict(int)

    def __call__(self, call: Call) -> Any:
        endpoint, told = f"{call.method} {call.endpoint}", self.told.get(f"{call.method} {call.endpoint}", [{}])
        self.asked[endpoint] += 1
        note_answer(f"stand-in {endpoint}")
        assert sum(self.asked.values()) <= MANY, f"{endpoint} is asked again and again"
        answer = told[min(self.asked[endpoint], len(told)) - 1]
        return odd(answer, self.place, self.other) if endpoint == self.endpoint else copy.deepcopy(answer)


def recorded(connector: Any, do: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return what the platform answers to one doing, by endpoint."""
    told: Told = defaultdict(list)
    ask = connector.client.transport.json

    def keep(call: Call) -> Any:
        answer = ask(call)
        told[f"{call.method} {call.endpoint}"].append(copy.deepcopy(answer))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(connector.client.transport, "json", keep)
        do()
    return told


@pytest.mark.parametrize(("made", "scene"), [(KlaviyoStand, acted), (BrevoStand, sent)])
def test_an_odd_value_anywhere_is_told_and_is_no_crash(
    made: type[Any], scene: Callable[[Any], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand, crashes, tried = made(), dict[tuple[str, str, Place, str], str](), 0
    with stand.platform:
        keys = scene(stand)
        connector = opened(stand)
        answers = {name: recorded(connector, do, monkeypatch) for name, do in doings(connector, keys).items()}
    for name, told in answers.items():
        for endpoint, given in told.items():
            for place in dict.fromkeys(place for answer in given[:1] for place in places_in(answer)):
                for other in ODD:
                    again = Recorded(told)
                    again.endpoint, again.place, again.other = endpoint, place, other
                    monkeypatch.setattr(connector.client.transport, "json", again)
                    monkeypatch.setattr(connector, "_known_lists", {}, raising=False)
                    tried += 1
                    try:
                        doings(connector, keys)[name]()
                    except PersonasyncError:
                        continue
                    except Exception as error:  # noqa: BLE001 - any other is a crash
                        crashes[name, endpoint, place, repr(other)[:20]] = repr(error)

    assert tried > 1000
    assert crashes == {}
