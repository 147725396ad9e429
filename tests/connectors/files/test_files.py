"""Files as a connection: what is read, what is left out and told, and that nothing is read twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import files
from connectors.connector import Connection
from connectors.errors import ContractError, FixSettingsError
from connectors.files.connector import Files
from connectors.records import Change
from sync.session import open_session
from sync.workspace.manifest import load_manifest
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from tests.connectors.conftest import rows

Open = Callable[..., Files]

CONTACTS = """\
E-Mail;Status;Name
Ada@People.test;subscribed;Ada
bob@people.test;unsubscribed;Bob
no address;subscribed;Nobody
"""
ORDERS = """\
order_id,email,date,amount,currency
1,ada@people.test,2026-11-01 10:00:00,12.50,usd
2,ADA@people.test,2026-11-02,7,USD
3,ada@people.test,yesterday,7,USD
4,ada@people.test,2026-11-03,seven,USD
5,ada@people.test,2026-11-04,-7,USD
"""
ANSWERS = """\
email,item,value,date
ada@people.test,q1,4,2026-11-01
ada@people.test,q2,,2026-11-01
"""


@pytest.fixture
def open_files(tmp_path: Path) -> Open:
    def connect(**texts: str | bytes) -> Files:
        settings = {}
        for name, text in texts.items():
            path = tmp_path / f"{name}.csv"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            settings[name] = str(path)
        return files.connect(Connection("shop", settings, load_manifest().connectors["files"].as_mapping()))

    return connect


def test_contacts_are_read_under_usual_names_and_what_is_wrong_is_told(open_files: Open) -> None:
    shop = open_files(contacts=CONTACTS)
    contacts = rows(shop.read("contacts", {}), "contacts")

    assert [(row["email"], row["consent"]) for row in contacts] == [
        ("ada@people.test", "subscribed"),
        ("bob@people.test", "unsubscribed"),
    ]
    assert len(shop.rejects) == 1
    assert "contacts.csv" in shop.rejects[0]
    assert "4" in shop.rejects[0]  # its line


def test_orders_are_read_and_bad_rows_leave_only_themselves_out(open_files: Open) -> None:
    shop = open_files(orders=ORDERS)
    orders = {row["order_id"]: row for row in rows(shop.read("orders", {}), "orders")}

    assert set(orders) == {"1", "2", "5"}
    assert (orders["1"]["amount"], orders["1"]["currency"]) == (12.5, "USD")
    assert orders["1"]["at"] == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert orders["2"]["contact_key"] == "mailto:ada@people.test"
    assert orders["5"]["state"] == "cancelled"
    assert len(shop.rejects) == 2
    assert any("yesterday" in line for line in shop.rejects)
    assert any("seven" in line for line in shop.rejects)


def test_whoever_ordered_is_a_contact_where_there_is_no_file_of_contacts(open_files: Open) -> None:
    contacts = rows(open_files(orders=ORDERS).read("contacts", {}), "contacts")

    assert [(row["email"], row["consent"]) for row in contacts] == [("ada@people.test", None)]
    assert contacts[0]["created_at"] == datetime(2026, 11, 1, 10, tzinfo=UTC)


def test_answers_are_read(open_files: Open) -> None:
    answers = rows(open_files(answers=ANSWERS).read("survey_answers", {}), "survey_answers")

    assert ("q1", "4") in {(row["item"], row["value"]) for row in answers}


GERMAN = (
    "email;income;often;codes;plz;word\n"
    "ada@people.test;3.250,50;3,5;1,3,4;01067;ja\n"
    "bob@people.test;950,00;n/a;2;04109;nein\n"
    "cyd@people.test;12,5 €;4;3;80331;1,5 mal\n"
)


def test_numbers_among_answers_are_told_by_all_answers_to_the_question(open_files: Open) -> None:
    read = rows(open_files(answers=GERMAN).read("survey_answers", {}), "survey_answers")
    answers = {item: [row["value"] for row in read if row["item"] == item] for item in ("income", "often", "codes")}

    assert answers == {
        "income": ["3250.5", "950", "12.5"],
        "often": ["3.5", "n/a", "4"],
        "codes": ["1,3,4", "2", "3"],
    }
    assert [row["value"] for row in read if row["item"] == "plz"] == ["01067", "04109", "80331"]
    assert [row["value"] for row in read if row["item"] == "word"] == ["ja", "nein", "1,5 mal"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["3,5", "3.5"], "decimal comma and with a decimal point: '3,5' in row 2, '3.5' in row 3"),
        (["1,234", "45"], "the mark in '1,234' .row 2. could be decimal or of thousands"),
    ],
)
def test_numbers_among_answers_that_mean_two_things_name_the_setting(
    open_files: Open, tmp_path: Path, cells: list[str], told: str
) -> None:
    text = "email;spent\n" + "".join(f"p{n}@people.test;{cell}\n" for n, cell in enumerate(cells))
    with pytest.raises(FixSettingsError, match=rf"answers to 'spent'.*{told}.*Add decimal_mark"):
        list(open_files(answers=text).read("survey_answers", {}))
    settings = {"answers": str(tmp_path / "answers.csv"), "decimal_mark": ","}
    shop = files.connect(Connection("shop", settings, load_manifest().connectors["files"].as_mapping()))
    first, second = (row["value"] for row in rows(shop.read("survey_answers", {}), "survey_answers"))
    assert (first, second) == (cells[0].replace(",", "."), cells[1])  # "3.5" is no number with a comma: it stays a text


def test_a_file_that_did_not_change_is_not_read_again(open_files: Open, tmp_path: Path) -> None:
    shop = open_files(orders=ORDERS)
    cursor = list(shop.read("orders", {}))[-1].cursor or {}
    same = rows(shop.read("orders", cursor), "orders")
    (tmp_path / "orders.csv").write_text(ORDERS + "6,eve@people.test,2026-11-05,3,USD\n")
    more = rows(shop.read("orders", cursor), "orders")

    assert (same, len(more)) == ([], 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,city\nAda,Bern\n", "no column 'id' or 'email'; it has: name, city"),
        ("", "empty|no header|no column|no rows"),
    ],
)
def test_a_file_without_what_is_needed_is_told(open_files: Open, text: str, told: str) -> None:
    with pytest.raises(FixSettingsError, match=told):
        list(open_files(contacts=text).read("contacts", {}))


def test_a_missing_file_is_told(open_files: Open, tmp_path: Path) -> None:
    shop = open_files(contacts=CONTACTS)
    (tmp_path / "contacts.csv").unlink()

    with pytest.raises(FixSettingsError, match=r"contacts\.csv"):
        list(shop.read("contacts", {}))


def test_a_mark_in_front_does_no_harm(open_files: Open) -> None:
    text = b"\xef\xbb\xbfemail,name\nada@people.test,Ada\n"

    assert [row["email"] for row in rows(open_files(contacts=text).read("contacts", {}), "contacts")] == [
        "ada@people.test"
    ]


def test_settings_may_name_columns(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("nr,who,wann,sum\n1,ada@people.test,2026-11-01,5\n")
    named = {"orders_id": "nr", "orders_email": "who", "orders_at": "wann", "orders_amount": "sum"}
    manifest = load_manifest().connectors["files"].as_mapping()

    shop = files.connect(Connection("shop", {"orders": str(path), **named}, manifest))

    assert [row["amount"] for row in rows(shop.read("orders", {}), "orders")] == [5.0]
    assert set(named) <= set(manifest["settings"])


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    table = pa.table({"order_id": [1], "email": ["ada@people.test"], "at": [datetime(2026, 11, 1)], "amount": [5.5]})  # noqa: DTZ001
    pq.write_table(table, tmp_path / "o.parquet")
    manifest = load_manifest().connectors["files"].as_mapping()
    shop = files.connect(Connection("shop", {"orders": str(tmp_path / "o.parquet")}, manifest))

    order = rows(shop.read("orders", {}), "orders")[0]

    assert (order["order_id"], order["amount"], order["at"]) == ("1", 5.5, datetime(2026, 11, 1, tzinfo=UTC))


def history_in(path: Path) -> tuple[set[str], list[dict[str, Any]]]:
    """Return which tables a file of orders gives, and its orders."""
    shop = files.connect(Connection("shop", {"orders": str(path)}, load_manifest().connectors["files"].as_mapping()))
    pages = list(shop.read("orders", {}))
    return {page.table for page in pages}, rows(iter(pages), "orders")


def test_invoice_lines_are_read_as_shops_export_them(tmp_path: Path) -> None:
    """In the layout of Online Retail: a line a product, dates as text, customers as numbers, C for cancelled."""
    lines = {
        "InvoiceNo": ["536365", "536365", "C536379", "536401", "536402"],
        "StockCode": ["85123A", "71053", "85123A", "22423", "22423"],
        "Description": ["LANTERN", None, "LANTERN", "CAKE STAND", "CAKE STAND"],
        "Quantity": [6, 2, -1, 3, 1],
        "InvoiceDate": [f"2010-12-0{day} 08:26:00" for day in (1, 1, 2, 3, 4)],
        "UnitPrice": [2.5, 3.0, 2.5, 12.75, 12.75],
        "CustomerID": [17850.0, 17850.0, 17850.0, 13047.0, None],
        "Country": ["United Kingdom"] * 5,
    }
    pq.write_table(pa.table(lines), tmp_path / "orders.parquet")

    tables, orders = history_in(tmp_path / "orders.parquet")

    assert tables == {"orders", "order_lines"}
    assert {(row["order_id"], row["contact_key"], row["state"], row["amount"]) for row in orders} == {
        ("536365", "shop:17850", "placed", 21.0),
        ("C536379", "shop:17850", "cancelled", -2.5),
        ("536401", "shop:13047", "placed", 38.25),
    }  # nobody is known who ordered the last one


@pytest.mark.proof
def test_a_real_history_is_read_as_it_is(shared: Path) -> None:
    tables, orders = history_in(shared / "data" / "online_retail" / "online_retail.parquet")

    assert tables == {"orders", "order_lines"}
    assert (
        len({row["contact_key"] for row in orders if row["state"] == "placed" and row["amount"] > 0} - {None}) > 4_000
    )


def test_files_are_only_read(open_files: Open) -> None:
    shop = open_files(contacts=CONTACTS)
    change = Change("shop", "1", "p", None, "field", "x", None, "y")

    assert (shop.missing([], ["a"]), list(shop.push([])), shop.requests_for([change])) == (
        [],
        [],
        {},
    )
    with pytest.raises(ContractError):
        list(shop.push([change]))
    assert {finding.state for finding in shop.check()} == {"warn"}
    with pytest.raises(FixSettingsError, match="has no file"):
        open_files()


@pytest.mark.long
def test_a_workspace_can_live_on_files_alone(tmp_path: Path) -> None:
    from sync.assign.job import assign  # noqa: PLC0415
    from sync.plan.job import plan  # noqa: PLC0415
    from sync.pull.job import pull  # noqa: PLC0415

    folder = tmp_path / "ws"
    write_workspace(folder, Answers("Files", (NewConnection("shop", "files", {"orders": "orders.csv"}),)))
    (folder / "orders.csv").write_text(ORDERS)
    with open_session(folder, now=lambda: datetime(2026, 11, 20, tzinfo=UTC), environment=os.environ) as session:
        pulled = pull(session)
        assigned = assign(session, as_of=session.now())
        planned = plan(session)

    assert (pulled.persons, len(pulled.rejects)) == (1, 2)
    assert [Path(name).name for name in pulled.reject_files] == ["shop-orders.csv"]
    assert "yesterday" in Path(pulled.reject_files[0]).read_text("utf-8")
    assert assigned.segments == {"buyers": 1, "champions": 0, "lapsed": 0}
    assert len(planned.plan.changes) == 0
