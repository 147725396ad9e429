"""Laws of writing: what is said to be done is done, and nothing else is."""

from __future__ import annotations

import pytest

from connectors.errors import FixSettingsError, PersonasyncError
from connectors.records import MEMBER
from connectors.testing.kit import GROUPS, Kit
from connectors.testing.law import law
from connectors.testing.proxy import Fault

MANY = 9  # more than two batches of four
WORDS = "Grüße, Žofie & Co. – 王芳"


@law("setup names what is missing, and nothing after it was made", needs="fields")
def writing_missing(kit: Kit) -> None:
    connector = kit.connect()
    before = {step.name for step in connector.missing(kit.definitions(), kit.group_names())}
    kit.ready()

    made = {} if kit.stand.spec.capabilities.fields_by_writing else {field.name for field in kit.definitions()}
    assert before >= {*made, *kit.group_names()}
    assert kit.connect().missing(kit.definitions(), kit.group_names()) == []


@law("looking at what is missing writes nothing", needs="fields")
def writing_looked(kit: Kit) -> None:
    kit.connect().missing(kit.definitions(), kit.group_names())

    assert not kit.proxy.writes


@law("a step that is done twice does no harm", needs="fields")
def writing_made_twice(kit: Kit) -> None:
    connector = kit.connect()
    steps = connector.missing(kit.definitions(), kit.group_names())
    for step in [*steps, *steps]:
        try:
            connector.create(step)
        except PersonasyncError:
            continue  # refused is as good: it is there

    assert kit.connect().missing(kit.definitions(), kit.group_names()) == []


@law("our fields are listed with their types, once they are there", needs="fields")
def writing_listed(kit: Kit) -> None:
    fields = kit.ready().fields()

    assert {field.name for field in kit.definitions()} <= set(fields)


@law("a field that is written is shown, and applied", needs="fields")
def writing_written(kit: Kit) -> None:
    [key] = kit.people(1)
    [outcome] = kit.write(kit.ready(), kit.change(key, "walkers"))

    assert (outcome.state, kit.stand.shows(key).get(kit.own)) == ("applied", "walkers")


@law("a field that is cleared is empty, and applied", needs="fields")
def writing_cleared(kit: Kit) -> None:
    [key] = kit.people(1)
    connector = kit.ready()
    kit.write(connector, kit.change(key, "walkers"))
    [outcome] = kit.write(connector, kit.change(key, None, before="walkers"))

    assert (outcome.state, kit.stand.shows(key).get(kit.own, "")) == ("applied", "")


@law("text is written letter by letter", needs="fields")
def writing_letters(kit: Kit) -> None:
    [key] = kit.people(1)
    [outcome] = kit.write(kit.ready(), kit.change(key, WORDS))

    assert (outcome.state, kit.stand.shows(key).get(kit.own)) == ("applied", WORDS)


@law("what was written is read: a second plan would be empty", needs="fields")
def writing_second_plan(kit: Kit) -> None:
    [key] = kit.people(1)
    kit.write(kit.ready(), kit.change(key, WORDS))

    assert kit.read(kit.connect()).told(key)[kit.own] == WORDS


@law("an undo puts back what was there before, exactly", needs="fields")
def writing_undone(kit: Kit) -> None:
    [key] = kit.people(1)
    connector = kit.ready()
    kit.write(connector, kit.change(key, "first"))
    before = dict(kit.stand.shows(key))
    kit.write(connector, kit.change(key, "second", before="first"))
    kit.write(connector, kit.change(key, "first", before="second"))

    assert dict(kit.stand.shows(key)) == before


@law("who enters a group is in it, and who leaves is not", needs="groups")
def writing_grouped(kit: Kit) -> None:
    first, second = kit.people(2)
    connector = kit.ready()
    entered = kit.write(connector, kit.move(first), kit.move(second))
    left = kit.write(connector, kit.move(first, enter=False))

    assert {outcome.state for outcome in [*entered, *left]} == {"applied"}
    assert f"{kit.prefix}{GROUPS[0]}" not in kit.stand.groups(first)
    assert f"{kit.prefix}{GROUPS[0]}" in kit.stand.groups(second)


@law("groups of others are left alone", needs="groups")
def writing_foreign_groups(kit: Kit) -> None:
    [key] = kit.people(1)
    connector = kit.ready()
    kit.stand.enter(key, "theirs")
    kit.write(connector, kit.move(key))
    kit.write(connector, kit.move(key, enter=False))

    assert "theirs" in kit.stand.groups(key)


@law("who is in a group is fetched with it", needs="groups")
def writing_fetched_groups(kit: Kit) -> None:
    first, second = kit.people(2)
    kit.write(kit.ready(), kit.move(first))

    assert kit.connect().fetch([first, second], []).groups == {(first, GROUPS[0])}


@law("fields of others are left alone", needs="fields")
def writing_foreign_values(kit: Kit) -> None:
    key = kit.stand.add("jun@people.test", text="theirs")
    kit.write(kit.ready(), kit.change(key, "ours"))

    assert kit.stand.shows(key)[kit.stand.text_property] == "theirs"


@law("a change of a field that is not ours is refused, and nothing is sent", needs="fields")
def writing_refused(kit: Kit) -> None:
    key = kit.stand.add("jun@people.test", text="theirs")
    connector = kit.ready()
    changes = [kit.change(key, "ours", name=kit.stand.text_property), kit.change(key, "ours")]
    before = connector.traffic.writes
    with pytest.raises(FixSettingsError):
        kit.write(connector, *changes)

    assert connector.traffic.writes == before
    assert kit.stand.shows(key)[kit.stand.text_property] == "theirs"


@law("each change has one outcome, however many batches it takes", needs="fields")
def writing_outcomes(kit: Kit) -> None:
    changes = [kit.change(key, f"value {n}") for n, key in enumerate(kit.people(MANY))]
    answered = kit.write(kit.ready(), *changes)

    assert sorted(map(str, (outcome.change for outcome in answered))) == sorted(map(str, changes))
    assert {outcome.state for outcome in answered} == {"applied"}


@law("outcomes come batch by batch", needs="fields")
def writing_one_by_one(kit: Kit) -> None:
    changes = [kit.change(key, "x") for key in kit.people(MANY)]
    batches = list(kit.ready().push(changes))

    assert len(batches) > 1
    assert sum(map(len, batches)) == MANY


@law("one bad record among many stands alone", needs="fields")
def writing_alone(kit: Kit) -> None:
    keys = kit.people(MANY)
    changes = [kit.change(key, "value") for key in keys]
    kit.stand.delete(keys[4])
    answered = {outcome.change.platform_id: outcome.state for outcome in kit.write(kit.ready(), *changes)}

    assert answered.pop(keys[4]) == "rejected"
    assert set(answered.values()) == {"applied"}
    assert all(kit.stand.shows(key).get(kit.own) == "value" for key in answered)


@law("who is gone is refused with a reason, and not made anew", needs="fields")
def writing_not_made(kit: Kit) -> None:
    keys = kit.people(2)
    change = kit.change(keys[0], "value")
    kit.stand.delete(keys[0])
    [outcome] = kit.write(kit.ready(), change)

    assert (outcome.state, kit.stand.count()) == ("rejected", 1)
    assert outcome.reason


@law("writing changes nobody's consent", needs="fields")
def writing_consent(kit: Kit) -> None:
    first, second = kit.people(2)
    kit.stand.opt_out(second)
    kit.write(kit.ready(), kit.change(first, "value"), kit.change(second, "value"))

    assert (kit.stand.subscribed(first), kit.stand.subscribed(second)) == (True, False)


@law("a success that changed nothing is found", needs="fields")
def writing_swallowed(kit: Kit) -> None:
    [key] = kit.people(1)
    connector, change = kit.ready(), kit.change(key, "value")
    kit.proxy.write_faults.append(Fault("swallowed"))
    try:
        [outcome] = kit.write(connector, change)
    except PersonasyncError:
        return  # an answer that can't be right, and is told
    shown = connector.read_back([change])[key, "field", kit.own]

    assert outcome.state != "applied" or shown != "value"
    assert kit.stand.shows(key).get(kit.own, "") == ""
    assert outcome.state in {"rejected", "unknown"} or shown in {None, ""}


@law("who may not be written to any more is left out at the last moment", needs="fields")
def writing_still(kit: Kit) -> None:
    first, second = kit.people(2)
    changes = [kit.change(first, "value"), kit.change(second, "value")]
    pushed = kit.ready().push(changes, lambda some: [change for change in some if change.platform_id != second])
    outcomes = [outcome for batch in pushed for outcome in batch]

    assert [(outcome.change.platform_id, outcome.state) for outcome in outcomes] == [(first, "applied")]
    assert kit.own not in kit.stand.shows(second)


@law("nothing to write sends nothing", needs="fields")
def writing_nothing(kit: Kit) -> None:
    connector = kit.ready()
    before = len(kit.proxy.seen)

    assert list(connector.push([])) == []
    assert len(kit.proxy.seen) == before


@law("reading back shows what is there, and leaves out who is gone", needs="fields")
def writing_read_back(kit: Kit) -> None:
    first, second = kit.people(2)
    connector = kit.ready()
    changes = [kit.change(first, "value"), kit.change(second, "value")]
    kit.write(connector, *changes)
    kit.stand.delete(second)

    assert connector.read_back(changes) == {(first, "field", kit.own): "value"}


@law("reading back tells who is in a group", needs="groups")
def writing_read_back_groups(kit: Kit) -> None:
    first, second = kit.people(2)
    connector = kit.ready()
    kit.write(connector, kit.move(first))
    shown = connector.read_back([kit.move(first), kit.move(second)])

    assert (shown[first, "group", GROUPS[0]], shown[second, "group", GROUPS[0]]) == (MEMBER, None)


@law("a sample that is read back is of what was written, and right", needs="fields")
def writing_sampled(kit: Kit) -> None:
    connector = kit.ready()
    changes = [kit.change(key, "value") for key in kit.people(MANY)]
    kit.write(connector, *changes)
    shown = connector.read_back_sample(changes)

    assert shown
    assert set(shown.values()) == {"value"}


@law("the requests of a push are foretold", needs="fields")
def writing_foretold(kit: Kit) -> None:
    connector = kit.ready()
    changes = [kit.change(key, "value") for key in kit.people(MANY)]
    foreseen = connector.requests_for(changes)
    before = dict(connector.traffic.requests)
    kit.write(connector, *changes)
    sent = {end: n - before.get(end, 0) for end, n in connector.traffic.requests.items() if n != before.get(end, 0)}

    assert sent
    assert {end: n for end, n in sent.items() if n > foreseen.get(end, 0)} == {}


@law("more requests take no less time", needs="fields")
def writing_time(kit: Kit) -> None:
    connector = kit.ready()
    requests = connector.requests_for([kit.change(key, "value") for key in kit.people(2)])

    assert 0 <= connector.seconds_for(requests) <= connector.seconds_for({end: 9 * n for end, n in requests.items()})
