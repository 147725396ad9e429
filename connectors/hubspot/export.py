"""HubSpot export jobs: all contact ids in a few requests.

Only ids are taken from the file. How an export writes moments, empty values and names of columns is not documented
(PLATFORMS 3.16), so the contacts themselves are read by their ids, and HubSpot's own count tells whether the file
was complete.
"""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, read_csv

from connectors.errors import ContractError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import EXPORT_START, EXPORT_STATUS
from connectors.hubspot.search import OBJECT_ID
from connectors.transport import MOST_FILE_BYTES, Call

ID_COLUMNS = (OBJECT_ID, "record id")  # the property's name or its label (A7)
ZIP = b"PK\x03\x04"  # how a large export may be packed (A7)
WANTED = {
    "exportType": "VIEW",
    "exportName": "personasync: ids of contacts",
    "format": "CSV",
    "language": "EN",
    "objectType": "CONTACT",
    "objectProperties": [OBJECT_ID],
    "exportInternalValuesOptions": ["NAMES", "VALUES"],
    "associatedObjectType": [],
    "includeLabeledAssociations": False,
    "includePrimaryDisplayPropertyForAssociatedObjects": False,
    "overrideAssociatedObjectsPerDefinitionPerRowLimit": False,
}


def exported_ids(api: HubSpotApi, *, every: float, until: threading.Event) -> pa.Array | None:
    """Let HubSpot export the ids of all contacts in use, and return them ascending, each once (int64).

    Args:
        api: The account.
        every: Seconds between two looks at the job. How long a job takes is not documented.
        until: Set when nobody needs the ids any more; None is returned then.

    Raises:
        PersonasyncError: HubSpot exports nothing: no scope, too many exports, or a file that can't be read.
    """
    task = {"task_id": str(api.call(EXPORT_START, body=WANTED)["id"])}
    job = api.call(EXPORT_STATUS, path=task)
    while job.get("status") in {"PENDING", "PROCESSING"}:
        if until.wait(every):
            return None
        job = api.call(EXPORT_STATUS, path=task)
    if job.get("status") != "COMPLETE" or not job.get("result"):
        raise ContractError(f"HubSpot's export {task['task_id']} ended with status {job.get('status')!r}.")
    return ids_in(_fetched(api, job))


def _fetched(api: HubSpotApi, job: Mapping[str, Any]) -> bytes:
    return api.transport.send(Call("GET", str(job["result"]), "export file", public=True)).content


def ids_in(file: bytes) -> pa.Array:
    """Return the ids in an export: a CSV file, or several packed together.

    Raises:
        ContractError: It has no column of ids, or something else is in it.
    """
    try:
        parts = [file] if not file.startswith(ZIP) else _unpacked(file)
        ids = pa.chunked_array([chunk for part in parts for chunk in _column(part).chunks], pa.int64())
    except (pa.ArrowInvalid, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ContractError(f"HubSpot's export can't be read: {error}.") from error
    numbers = pc.unique(pc.drop_null(ids))
    return numbers.take(pc.sort_indices(numbers))


def _unpacked(file: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_FILE_BYTES:
            raise ContractError(f"HubSpot's export has more than {MOST_FILE_BYTES:,} bytes.")
        return [archive.read(name) for name in archive.namelist() if name.lower().endswith(".csv")]


def _column(part: bytes) -> pa.ChunkedArray:
    first = part.split(b"\n", 1)[0].decode("utf-8-sig")
    names = next(csv.reader([first]), [])
    for name in names:
        if name.strip().lower() in ID_COLUMNS:
            wanted = ConvertOptions(include_columns=[name], column_types={name: pa.int64()})
            return read_csv(io.BytesIO(part), convert_options=wanted).column(0)
    raise ContractError(f"HubSpot's export has no id column, only {', '.join(names[:3])!r}.")
