"""Ids by HubSpot's export: a third reader beside list and search, which may fail without anybody being missed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ContractError
from connectors.hubspot import scan as pulling
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.export import ids_in
from connectors.hubspot.id_gap import Meeting
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from tests.connectors.hubspot.conftest import ends
from tests.connectors.hubspot.patient import Patient
from tests.connectors.hubspot.test_scan import SMALL, active, add

pytestmark = pytest.mark.usefixtures("many")

Open = Callable[..., HubSpot]
READ, START = "POST contacts/batch/read", "POST exports"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "Meeting", Patient)


@pytest.mark.usefixtures("patient")
def test_ids_of_the_export_are_read_by_the_batch(state: HubSpotState, open_hubspot: Open) -> None:
    ids = add(state, 200)
    hubspot = open_hubspot(full_pull="export", limits=SMALL)

    rows, _ = ends(hubspot, "contacts")

    assert set(active(rows)) == set(ids)
    assert hubspot.traffic.requests[START] == 1
    assert hubspot.traffic.requests["GET export file"] == 1
    assert hubspot.traffic.requests[READ] >= 5
    assert hubspot.traffic.requests[READ] + hubspot.traffic.requests["POST contacts/search"] < 200 / 5 + 8  # shared out


@pytest.mark.usefixtures("patient")
def test_whom_the_export_forgets_is_read_all_the_same(
    state: HubSpotState, open_hubspot: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file names every second contact only; HubSpot's own count says that somebody is missing."""
    ids = add(state, 120)
    know = Patient.know
    monkeypatch.setattr(Patient, "know", lambda self, ids: know(self, ids[::2]))

    rows, cursor = ends(open_hubspot(full_pull="export", limits=SMALL), "contacts")

    assert set(active(rows)) == set(ids)
    assert cursor["surplus"] == "0"


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(kind="status", match="/export/async", status=400, times=99),
        InjectedFault(kind="status", match="/export/async", status=429, times=99),
        InjectedFault(kind="status", match="/status", status=404, times=99),
        InjectedFault(kind="status", match="/_files", status=403, times=99),
        InjectedFault(kind="html", match="/_files", times=99),
    ],
)
def test_an_export_that_is_refused_hides_nobody(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open, fault: InjectedFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(state, 60)
    hubspot = open_hubspot(full_pull="export", limits=SMALL)
    monkeypatch.setattr(hubspot._transport, "wait", lambda _seconds: None)
    sandbox.journal.faults[:] = [fault]

    rows, _ = ends(hubspot, "contacts")

    assert set(active(rows)) == set(ids)


def test_nobody_waits_for_a_job_that_does_not_end(sandbox: Sandbox, state: HubSpotState, open_hubspot: Open) -> None:
    ids = add(state, 60)
    sandbox.world.settings.export_seconds = 86_400.0

    rows, _ = ends(open_hubspot(full_pull="export", limits={**SMALL, "export_look_seconds": 86_400}), "contacts")

    assert set(active(rows)) == set(ids)


def test_few_contacts_are_no_reason_for_an_export(state: HubSpotState, open_hubspot: Open) -> None:
    add(state, 60)
    hubspot = open_hubspot(full_pull="export", limits={**SMALL, "export_from": 61})

    ends(hubspot, "contacts")

    assert START not in hubspot.traffic.requests


def test_doctor_looks_for_the_scope_where_exports_are_on(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open
) -> None:
    del state
    sandbox.world.settings.scopes = frozenset(
        {"crm.objects.contacts.read", "crm.objects.deals.read", "content", "crm.lists.read"}
    )

    messages = {
        path: [finding.message for finding in open_hubspot(full_pull=path).check()] for path in ("auto", "export")
    }

    assert not any("crm.export" in message for message in messages["auto"])
    assert any("crm.export" in message for message in messages["export"])


@pytest.mark.parametrize("header", ["Record ID", "hs_object_id", '"Record ID"', "\ufeffRecord ID"])
def test_the_column_of_ids_is_found_by_label_or_name(header: str) -> None:
    assert ids_in(f"{header},Email\r\n103,a@people.test\r\n101,\r\n103,\r\n".encode()).to_pylist() == [101, 103]


def test_a_packed_export_may_have_several_files() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("one.csv", "Email,Record ID\nx@people.test,7\n")
        archive.writestr("two.csv", "Email,Record ID\ny@people.test,5\n")
        archive.writestr("read me.txt", "hello")

    assert ids_in(target.getvalue()).to_pylist() == [5, 7]


@pytest.mark.parametrize("file", [b"", b"Email\nx@people.test\n", b"Record ID\nno number\n", b"PK\x03\x04torn"])
def test_a_file_without_ids_is_no_export(file: bytes) -> None:
    with pytest.raises(ContractError, match="export"):
        ids_in(file)


@given(
    ids=st.lists(st.integers(1, 10_000), unique=True, max_size=80),
    turns=st.lists(st.tuples(st.sampled_from(["list", "batch", "search"]), st.integers(1, 9)), max_size=80),
)
def test_the_readers_share_all_ids_out(ids: list[int], turns: list[tuple[str, int]]) -> None:
    """Whatever the order in which they come: nobody is left out, nobody read twice but by the last page."""
    there, meeting, read, last_page = sorted(ids), Meeting(), [], []
    meeting.know(pa.array(there, pa.int64()))
    high = 0
    for who, count in [*turns, *([("list", 9), ("batch", 9)] * 20)]:
        if who == "list":
            last_page = [key for key in there if key > high][:count]
            read += last_page
            high = max(last_page, default=high)
            if meeting.reached(high=high) or not last_page:
                break
        else:
            taken = meeting.take(count)
            assert taken is not None
            read += taken
            if taken:
                meeting.handed_on()

    assert set(read) == set(there)
    assert len(read) - len(there) <= len(last_page)
    assert not ids or meeting.ended.is_set() or not last_page
