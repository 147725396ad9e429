"""Files as people have them: dates, numbers, encodings, Excel, exports of other programs, and bad rows."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors import files
from connectors.connector import Connection
from connectors.errors import FixSettingsError
from connectors.files.connector import Files
from connectors.files.table import read_table
from sync.workspace.manifest import load_manifest
from tests.connectors.conftest import rows

Open = Callable[..., Files]


@pytest.fixture
def open_files(tmp_path: Path) -> Open:
    def connect(settings: dict[str, str] | None = None, suffix: str = ".csv", **texts: str | bytes) -> Files:
        named = dict(settings or {})
        for name, text in texts.items():
            path = tmp_path / f"{name}{suffix}"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            named[name] = str(path)
        return files.connect(Connection("shop", named, load_manifest().connectors["files"].as_mapping()))

    return connect


def orders_with(dates: list[str], amounts: list[str] | None = None) -> str:
    cells = zip(dates, amounts or ["7"] * len(dates), strict=True)
    lines = [f'{number};ada@people.test;"{at}";"{amount}"' for number, (at, amount) in enumerate(cells, 1)]
    return "\n".join(["order_id;email;date;amount", *lines]) + "\n"


def read_orders(shop: Files) -> list[dict[str, Any]]:
    return rows(shop.read("orders", {}), "orders")


@pytest.mark.parametrize(
    ("dates", "told"),
    [
        (["03/04/2026", "13/04/2026"], ["2026-04-03", "2026-04-13"]),
        (["03/04/2026", "04/13/2026 2:30 PM"], ["2026-03-04", "2026-04-13"]),
        (["3.4.2026", "5.6.26"], ["2026-04-03", "2026-06-05"]),
        (["05/05/2026", "2026-04-03"], ["2026-05-05", "2026-04-03"]),
        (["Nov 3, 2026", "4 November 2026 10:15"], ["2026-11-03", "2026-11-04"]),
        (["2026-04-03 10:15:00 -0500", "2026-04-04 10:15 UTC"], ["2026-04-03", "2026-04-04"]),
    ],
)
def test_the_order_of_day_and_month_is_told_by_the_whole_column(
    open_files: Open, dates: list[str], told: list[str]
) -> None:
    orders = read_orders(open_files(orders=orders_with(dates)))

    assert [f"{row['at']:%Y-%m-%d}" for row in orders] == told


def test_a_column_that_could_be_either_names_the_setting(open_files: Open) -> None:
    open_to_both = orders_with(["03/04/2026", "05/06/2026"])
    with pytest.raises(FixSettingsError, match=r"row 2, and no date tells.*date_order = \"day\" or \"month\""):
        read_orders(open_files(orders=open_to_both))
    with pytest.raises(FixSettingsError, match=r"'13/04/2026' in row 2, '04/13/2026' in row 3.*date_order"):
        read_orders(open_files(orders=orders_with(["13/04/2026", "04/13/2026"])))

    american = read_orders(open_files({"date_order": "month"}, orders=open_to_both))
    mixed = open_files({"date_order": "day"}, orders=orders_with(["13/04/2026", "04/13/2026"]))

    assert [row["at"].month for row in american] == [3, 5]
    assert len(read_orders(mixed)) == 1
    assert "row 3" in mixed.rejects[0]


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        (["12,50", "1.234,56 €"], [12.5, 1234.56]),
        (["$1,234.56", "US$7"], [1234.56, 7.0]),
        (["1'234.50", "(12.50)"], [1234.5, -12.5]),
        (["1 234,5", "1.234"], [1234.5, 1234.0]),
        (["EUR 1.234.567", "0,5"], [1234567.0, 0.5]),
    ],
)
def test_decimal_commas_and_currency_signs_are_read(open_files: Open, amounts: list[str], told: list[float]) -> None:
    orders = read_orders(open_files(orders=orders_with(["2026-11-01"] * len(amounts), amounts)))

    assert [row["amount"] for row in orders] == told
    assert [row["currency"] for row in orders][:1] == (["EUR"] if "EUR" in amounts[0] else [None])


def test_a_mark_that_could_be_decimal_or_of_thousands_names_the_setting(open_files: Open) -> None:
    text = orders_with(["2026-11-01", "2026-11-02"], ["1,234", "5"])
    with pytest.raises(FixSettingsError, match=r"'1,234' \(row 2\).*decimal_mark"):
        read_orders(open_files(orders=text))

    assert read_orders(open_files({"decimal_mark": ","}, orders=text))[0]["amount"] == 1.234
    assert read_orders(open_files({"decimal_mark": "."}, orders=text))[0]["amount"] == 1234.0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_text_of_any_program_is_read(open_files: Open, encoding: str, separator: str) -> None:
    lines = ["E-Mail", "City"], ["ada@people.test", "Zürich"], ["bob@people.test", '"a, b; c"']
    text = "\r\n".join(separator.join(line) for line in lines)
    contacts = rows(open_files(contacts=text.encode(encoding)).read("contacts", {}), "contacts")

    assert [json.loads(row["properties"])["City"] for row in contacts] == ["Zürich", "a, b; c"]


def test_a_line_for_excel_and_empty_lines_above_the_header_are_passed_over(open_files: Open) -> None:
    shop = open_files(contacts="\nsep=;\nemail;name\nada@people.test;Ada\nno address;Bob\n")

    assert len(rows(shop.read("contacts", {}), "contacts")) == 1
    assert "row 5" in shop.rejects[0]
    assert open_files(contacts=b"\xff\xfe\x00\x01\x02\x00\x03").check()[0].state != "ok"


def test_excel_is_read_with_its_types(open_files: Open, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Orders 2026")
    sheet = book["Orders 2026"]
    sheet["A1"] = "an export"  # no header, so other sheets are not it
    for row in (["order_id", "email", "date", "amount"], [17850, "ada@people.test", datetime(2026, 11, 3), 12.5]):  # noqa: DTZ001
        sheet.append(row)
    sheet.delete_rows(1)
    book.save(tmp_path / "shop.xlsx")

    [order] = read_orders(open_files({"orders": str(tmp_path / "shop.xlsx"), "orders_sheet": "Orders 2026"}))

    assert (order["order_id"], order["amount"], f"{order['at']:%Y-%m-%d}") == ("17850", 12.5, "2026-11-03")
    with pytest.raises(FixSettingsError, match=r"has no sheet 'x'\. It has: Sheet, Orders 2026"):
        read_table(tmp_path / "shop.xlsx", sheet="x")


def test_one_stray_cell_does_not_take_all_memory(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "email", "stray"
    book.save(tmp_path / "far.xlsx")
    with zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as packed:
        packed.writestr("xl/workbook.xml", "<x")

    with pytest.raises(FixSettingsError, match="stray cells"):
        read_table(tmp_path / "far.xlsx")
    with pytest.raises(FixSettingsError, match="not a readable spreadsheet"):
        read_table(tmp_path / "bad.xlsx")


SHOPIFY = """\
Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,\
Cancelled at,Id
#1001,ada@people.test,paid,EUR,75.50,2026-05-01 10:00:00 +0200,1,Tea,62.95,T-1,,555
#1001,ada@people.test,,,,,1,Cup,12.55,C-1,,
#1002,bob@people.test,refunded,EUR,9.00,2026-05-02 10:00:00 +0200,1,Cup,9.00,C-1,,556
"""


def test_orders_of_shopify_are_read_as_exported(open_files: Open) -> None:
    shop = open_files(orders=SHOPIFY)
    orders = {row["order_id"]: row for row in read_orders(shop)}
    lines = rows(shop.read("orders", {}), "order_lines")

    assert (orders["#1001"]["amount"], orders["#1001"]["state"], orders["#1002"]["state"]) == (
        75.5,
        "placed",
        "cancelled",
    )
    assert [(line["order_id"], line["title"]) for line in lines][:2] == [("#1001", "Tea"), ("#1001", "Cup")]
    assert "read as Shopify orders" in shop.check()[0].message


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        (
            "Customer ID,First Name,Email,Default Address City,Default Address Country Code,Total Spent,Total Orders",
            "'111,Ada,ada@people.test,Bern,CH,10.00,1",
            ("111", "CH", "Bern"),
        ),
        (
            "Name,Username,Last Active,Sign Up,Email,Orders,Total Spend,AOV,Country / Region,City,Region,Postal Code",
            "Ada,ada,2026-11-01,2026-01-02 03:04:05,ada@people.test,1,10,10,CH,Bern,BE,3000",
            ("ada@people.test", "CH", "Bern"),
        ),
        (
            "Record ID,First Name,Email,Country/Region,City,Create Date,Lifecycle Stage",
            "901,Ada,ada@people.test,CH,Bern,2026-01-02 09:14,Customer",
            ("901", "CH", "Bern"),
        ),
        (
            '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,CC,REGION,LAST_CHANGED,LEID',
            'ada@people.test,Ada,2,,"2026-01-02 03:04:05",CH,BE,"2026-01-03 03:04:05",1',
            ("ada@people.test", "CH", None),
        ),
        ("Email,Klaviyo ID,Country,City", "ada@people.test,01H,CH,Bern", ("01H", "CH", "Bern")),
        # of no program that we know: only written otherwise than the traits' properties
        ("E-Mail,COUNTRY,City", "ada@people.test,CH,Bern", ("ada@people.test", "CH", "Bern")),
    ],
)
def test_contacts_of_other_programs_are_read_as_exported(
    open_files: Open, header: str, row: str, told: tuple[str, str, str | None]
) -> None:
    [contact] = rows(open_files(contacts=f"{header}\n{row}\n").read("contacts", {}), "contacts")
    properties = json.loads(contact["properties"])
    city = properties.get("city", properties.get("City"))

    assert (contact["platform_id"], properties["country"], city) == told
    assert contact["email"] == "ada@people.test"


def test_properties_that_traits_read_as_dates_or_numbers_are_read_by_their_column(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("email;born;spent;tier\nada@people.test;31.12.1990;1.234,50 €;1.234\nbob@people.test;;none;x\n")
    types = {"born": "date", "spent": "number"}
    manifest = load_manifest().connectors["files"].as_mapping()
    shop = files.connect(Connection("shop", {"contacts": str(path)}, manifest, types=types))

    first, second = (json.loads(row["properties"]) for row in rows(shop.read("contacts", {}), "contacts"))

    assert (first, second) == (
        {"born": "1990-12-31", "spent": "1234.5", "tier": "1.234"},
        {"spent": "none", "tier": "x"},
    )


def test_all_missing_columns_are_told_in_one_message(open_files: Open) -> None:
    with pytest.raises(FixSettingsError) as caught:
        read_orders(open_files(orders="nr,who\n1,ada\n"))

    for name in ("'id'", "'contact_id' or 'email'", "'at'", "'amount' or 'price'", "orders_at"):
        assert name in str(caught.value)


def test_rejects_are_grouped_and_their_rows_are_written(open_files: Open, tmp_path: Path) -> None:
    text = "order_id,email,date,amount\n" + "=1,ada@people.test,soon,7\n" * 523 + "2,nobody,2026-11-01,7\n"
    shop = open_files(orders=text)
    read_orders(shop)

    assert len(shop.rejects) == 2
    assert "523 rows skipped: column 'date': date not understood, first in row 2 ('soon')" in shop.rejects[0]
    [path] = shop.write_rejects(tmp_path / "rejects")
    with path.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert (len(written), written[0]["row"], written[0]["order_id"], written[0]["date"]) == (524, "2", "'=1", "soon")
    assert "not an email address" in written[-1]["reason"]


def test_events_are_read_and_an_opt_out_is_no_event(open_files: Open) -> None:
    shop = open_files(
        events="email,kind,when,page,product,value\n"
        "ada@people.test,Page View,2026-11-01 10:00,https://shop.test/tea,T-1,\n"
        "ada@people.test,Page View,2026-11-01 10:00,https://shop.test/tea,T-1,\n"
        'ada@people.test,Webinar,2026-11-02,,,"2,5"\n'
        "ada@people.test,unsubscribe,2026-11-02,,,\n",
        settings={"events_at": "when"},
    )
    events = rows(shop.read("events", {}), "engagements")

    assert [(row["kind"], row["url"], row["product"], row["value"]) for row in events] == [
        ("visit", "https://shop.test/tea", "T-1", None),
        ("visit", "https://shop.test/tea", "T-1", None),
        ("webinar", None, None, 2.5),
    ]
    assert "opt-out is no event" in shop.rejects[0]
    assert [row["email"] for row in rows(shop.read("contacts", {}), "contacts")] == ["ada@people.test"]
