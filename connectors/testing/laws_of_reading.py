"""Laws of reading contacts: nobody is lost, nobody is told twice as another, and who is gone is told."""

from __future__ import annotations

from datetime import UTC, timedelta

from connectors.connector import nobody
from connectors.records import CONTACTS
from connectors.testing.kit import NAME, Kit
from connectors.testing.law import law

MANY = 13  # more than two pages of five
FOREIGN = "Žofie Łąćka 王芳 🦆"


@law("everybody is read, however many pages it takes")
def reading_everybody(kit: Kit) -> None:
    keys = kit.people(MANY)

    assert set(kit.read(kit.connect()).active) == set(keys)


@law("a contact is one row, and not several that differ")
def reading_one_row(kit: Kit) -> None:
    kit.people(MANY)
    rows = kit.read(kit.connect()).rows

    assert len({row["platform_id"] for row in rows}) == len({tuple(map(str, row.values())) for row in rows})


@law("rows are in the schema of contacts, and name their connection")
def reading_schema(kit: Kit) -> None:
    kit.people(2)
    pages = [page for page in kit.read(kit.connect()).pages if page.table == "contacts"]

    assert all(page.rows.schema.names == CONTACTS.columns.names for page in pages)
    assert {row["connection"] for page in pages for row in page.rows.to_pylist()} == {NAME}


@law("addresses are in the form in which they are compared")
def reading_addresses(kit: Kit) -> None:
    key = kit.stand.add("Jun.Imber@People.TEST")

    assert kit.read(kit.connect()).active[key]["email"] == "jun.imber@people.test"


@law("a property is told as text, letter by letter")
def reading_properties(kit: Kit) -> None:
    key = kit.stand.add("jun@people.test", text=FOREIGN)

    assert kit.read(kit.connect()).told(key)[kit.stand.text_property] == FOREIGN


@law("every property is text or nothing")
def reading_texts(kit: Kit) -> None:
    key = kit.stand.add("jun@people.test", text="1")

    assert {type(value) for value in kit.read(kit.connect()).told(key).values()} <= {str, type(None)}


@law("what the workspace maps is read")
def reading_mapped(kit: Kit) -> None:
    key, connector = kit.stand.add("jun@people.test", text="mapped"), kit.connect()

    assert not connector.reads or kit.stand.text_property in connector.reads
    assert kit.read(connector).told(key)[kit.stand.text_property] == "mapped"


@law("who unsubscribed is not told as subscribed")
def reading_opted_out(kit: Kit) -> None:
    first, second = kit.people(2)
    kit.stand.opt_out(second)
    active = kit.read(kit.connect()).active

    assert active[second]["consent"] != "subscribed"
    assert active[first]["consent"] in {"subscribed", "unknown"}


@law("the last page carries a cursor of texts")
def reading_cursor(kit: Kit) -> None:
    kit.people(1)
    where = kit.read(kit.connect()).cursor

    assert where
    assert {type(part) for pair in where.items() for part in pair} == {str}


@law("nobody there is nobody, and no error")
def reading_empty(kit: Kit) -> None:
    read = kit.read(kit.connect())

    assert not read.active
    assert read.cursor


@law("the same platform read twice gives the same rows")
def reading_twice(kit: Kit) -> None:
    kit.people(MANY)

    assert kit.read(kit.connect()).active == kit.read(kit.connect()).active


@law("a reading from the cursor tells nothing else than before where nothing changed")
def reading_unchanged(kit: Kit) -> None:
    kit.people(MANY)
    first = kit.read(kit.connect())
    second = kit.read(kit.connect(), first.cursor, known=first.active)

    assert {key: first.active.get(key) for key in second.active} == second.active
    assert not second.gone


@law("who is new is read from the cursor")
def reading_new(kit: Kit) -> None:
    kit.people(2)
    first = kit.read(kit.connect())
    key = kit.stand.add("new@people.test")

    assert key in kit.read(kit.connect(), first.cursor, known=first.active).active


@law("who changed is read from the cursor")
def reading_changed(kit: Kit) -> None:
    keys = kit.people(MANY)
    first = kit.read(kit.connect())
    kit.stand.edit(keys[0], kit.stand.text_property, "another")

    assert kit.read(kit.connect(), first.cursor, known=first.active).told(keys[0])[kit.stand.text_property] == "another"


@law("an opt-out is read from the cursor")
def reading_new_opt_out(kit: Kit) -> None:
    keys = kit.people(3)
    first = kit.read(kit.connect())
    kit.stand.opt_out(keys[1])

    assert kit.read(kit.connect(), first.cursor, known=first.active).active[keys[1]]["consent"] != "subscribed"


@law("a second reading asks for less than everybody", needs="incremental")
def reading_less(kit: Kit) -> None:
    kit.people(MANY * 3)
    connector = kit.connect()
    first = kit.read(connector)
    before = len(kit.proxy.seen)
    kit.read(connector, first.cursor, known=first.active)

    assert len(kit.proxy.seen) - before < before


@law("who changes while everybody is read is not lost")
def reading_changed_meanwhile(kit: Kit) -> None:
    keys = kit.people(MANY)
    pages = kit.connect().read("contacts", {}, nobody)
    held = [next(pages)]
    kit.stand.edit(keys[0], kit.stand.text_property, "meanwhile")
    kit.stand.edit(keys[-1], kit.stand.text_property, "meanwhile")
    held += list(pages)
    last = {row["platform_id"]: row for page in held if page.table == "contacts" for row in page.rows.to_pylist()}
    after = kit.read(kit.connect(), held[-1].cursor, known=last)
    every = {**last, **after.active}

    assert set(every) >= set(keys)
    assert all('"meanwhile"' in every[key]["properties"] for key in (keys[0], keys[-1]))


@law("who is deleted while everybody is read hides nobody else")
def reading_deleted_meanwhile(kit: Kit) -> None:
    keys = kit.people(MANY)
    pages = kit.connect().read("contacts", {}, nobody)
    held = [next(pages)]
    kit.stand.delete(keys[0])
    held += list(pages)
    seen = {row["platform_id"] for page in held if page.table == "contacts" for row in page.rows.to_pylist()}
    after = kit.read(kit.connect(), held[-1].cursor, known=seen)

    assert seen | set(after.active) >= set(keys[1:])


@law("a reading goes on from every cursor that it gave")
def reading_resumed(kit: Kit) -> None:
    keys = set(kit.people(MANY))
    pages = kit.read(kit.connect()).pages
    for place, page in enumerate(pages):
        if page.cursor is not None:
            before = {row["platform_id"] for p in pages[: place + 1] for row in p.rows.to_pylist() if "email" in row}

            assert before | set(kit.read(kit.connect(), page.cursor, known=before).active) >= keys


@law("who was deleted for good is told as gone by a reading of everybody", needs="network")
def reading_gone(kit: Kit) -> None:
    keys = kit.people(3)
    kit.stand.delete(keys[1])

    assert keys[1] in kit.read(kit.connect(), known=keys).gone


@law("nobody who is there is told as gone")
def reading_nobody_gone(kit: Kit) -> None:
    keys = kit.people(MANY)

    assert not kit.read(kit.connect(), known=keys).gone


@law("a contact is fetched by its id, as it is now", needs="network")
def reading_fetched_by_id(kit: Kit) -> None:
    keys = kit.people(2)
    kit.stand.edit(keys[0], kit.stand.text_property, "now")
    [row] = kit.connect().fetch([keys[0]], []).contacts.to_pylist()

    assert (row["platform_id"], '"now"' in row["properties"]) == (keys[0], True)


@law("a contact is fetched by its address", needs="network")
def reading_fetched_by_address(kit: Kit) -> None:
    keys = kit.people(2)
    rows = kit.connect().fetch([], ["person1@people.test"]).contacts.to_pylist()

    assert [row["platform_id"] for row in rows] == [keys[1]]


@law("what is fetched is what is read", needs="network")
def reading_alike(kit: Kit) -> None:
    keys = kit.people(3)
    read = kit.read(kit.connect()).active
    rows = {row["platform_id"]: row for row in kit.connect().fetch(keys, []).contacts.to_pylist()}

    assert {key: (row["email"], row["consent"]) for key, row in rows.items()} == {
        key: (row["email"], row["consent"]) for key, row in read.items()
    }


@law("an id that is gone is fetched as gone", needs="network")
def reading_fetched_gone(kit: Kit) -> None:
    keys = kit.people(2)
    kit.stand.delete(keys[0])
    rows = kit.connect().fetch(keys, []).contacts.to_pylist()

    assert {row["platform_id"] for row in rows if row["state"] == "active"} == {keys[1]}
    assert {row["platform_id"] for row in rows if row["state"] in {"deleted", "archived"}} == {keys[0]}


@law("an address that nobody has fetches nobody")
def reading_fetched_nobody(kit: Kit) -> None:
    kit.people(1)

    assert not kit.connect().fetch([], ["nobody@people.test"]).contacts.num_rows


@law("who opted out since the pull is told before writing, among few")
def reading_consent_of_few(kit: Kit) -> None:
    keys = kit.people(3)
    first = kit.read(kit.connect())
    kit.stand.opt_out(keys[2])
    rows = kit.connect().consents(first.cursor, keys, []).to_pylist()

    assert [row["consent"] for row in rows if row["platform_id"] == keys[2]] not in ([], ["subscribed"])


@law("who opted out since the pull is told before writing, among all")
def reading_consent_of_all(kit: Kit) -> None:
    keys = kit.people(MANY)
    first = kit.read(kit.connect())
    kit.stand.opt_out(keys[2])
    rows = kit.connect().consents(first.cursor, None).to_pylist()

    assert [row["consent"] for row in rows if row["platform_id"] == keys[2]] not in ([], ["subscribed"])


@law("the platform's clock is told in UTC")
def reading_clock(kit: Kit) -> None:
    now = kit.connect().now()

    assert now.tzinfo is not None
    assert now.astimezone(UTC).utcoffset() == timedelta(0)
