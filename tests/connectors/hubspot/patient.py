"""A meeting whose readers wait until the ids of an export are there: who is faster must not decide a test."""

from __future__ import annotations

import threading

import pyarrow as pa

from connectors.hubspot.id_gap import HIGHEST, Meeting


class Patient(Meeting):
    """Lets list and search stop after their first page until the ids are known, or some seconds are over."""

    seconds = 20.0

    def __init__(self) -> None:
        super().__init__()
        self.known = threading.Event()

    def reached(self, *, high: int = 0, low: int = HIGHEST) -> bool:
        """Wait, once, then note the page."""
        self.known.wait(self.seconds)
        self.known.set()
        return super().reached(high=high, low=low)

    def know(self, ids: pa.Array) -> None:
        """Let the others go on."""
        super().know(ids)
        self.known.set()


class LessPatient(Patient):
    """The same where the export may fail, and often does."""

    seconds = 1.0
