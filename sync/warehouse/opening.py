"""The one door to the data: a warehouse is opened here, in its file or at an address of another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import ibis
from ibis.backends.sql import SQLBackend

from connectors.errors import FixSettingsError, missing_extra
from connectors.secret import SecretUrl, remember, url_without_secrets
from sync.warehouse.damage import FILE, not_opened
from sync.warehouse.embedded_file import without_progress_bar
from sync.warehouse.store import THREADS, Warehouse


def open_warehouse(engine: str, directory: Path) -> Warehouse:
    """Open the warehouse; tables that are missing are created.

    Args:
        engine: "duckdb" for the file ``warehouse.duckdb`` in *directory*, else an Ibis URL.
        directory: The workspace's state directory; created when missing.

    Returns:
        The open warehouse; `Warehouse.close` lets others have the file.

    Raises:
        FixSettingsError: The engine is unknown, or can't be reached.
        TryLaterError: Another process holds the file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return Warehouse(_open_file(directory / FILE) if engine == "duckdb" else _open_url(engine))


def _open_url(url: str) -> SQLBackend:
    remember(SecretUrl(url))
    try:
        opened = ibis.connect(url)  # noqa: TID251 - this is the door
    except ImportError as error:
        raise missing_extra(error) or error from error
    except Exception as error:  # noqa: BLE001 - each engine's driver has errors of its own
        # a driver may quote any part of the address, decoded or cut: its error is not kept as the cause
        raise FixSettingsError(
            f"The warehouse {url_without_secrets(url)} can't be opened: {error}.",
            fix="Check [workspace] engine in personasync.toml.",
        ) from None
    if opened.name == "postgres":
        from sync.warehouse.postgresql import prepare_postgresql  # noqa: PLC0415 - only this engine needs it

        prepare_postgresql(cast("Any", opened))
    if opened.name == "duckdb":
        without_progress_bar(cast("Any", opened).con)
    return cast("SQLBackend", opened)


def _open_file(path: Path) -> SQLBackend:
    import duckdb  # noqa: PLC0415 - only the embedded engine needs it

    try:
        opened: SQLBackend = ibis.duckdb.connect(path, threads=THREADS)  # noqa: TID251 - this is the door
    except duckdb.Error as error:
        raise not_opened(path, error) from error
    without_progress_bar(cast("Any", opened).con)
    return opened
