"""HTTP transport: pooled session, allowed hosts, timeouts, rate limits, retries, redaction, error translation."""

from connectors.transport.answers import ABOUT_OTHERS, check_made, is_about_others
from connectors.transport.bounded import MOST_FILE_BYTES
from connectors.transport.circuit_breaker import NO_ANSWER, until_silence
from connectors.transport.concurrency import in_order, side_by_side
from connectors.transport.paging import pages
from connectors.transport.rate_ledger import Book, FileBook, MemoryBook, account_book
from connectors.transport.rate_limits import Budget, RateHeaders, RateWindow, SeveralWindows, Slots
from connectors.transport.shapes import ReadsAnswers, entries
from connectors.transport.transport import Call, Transport, spelt, watched

__all__ = [
    "ABOUT_OTHERS",
    "MOST_FILE_BYTES",
    "NO_ANSWER",
    "Book",
    "Budget",
    "Call",
    "FileBook",
    "MemoryBook",
    "RateHeaders",
    "RateWindow",
    "ReadsAnswers",
    "SeveralWindows",
    "Slots",
    "Transport",
    "account_book",
    "check_made",
    "entries",
    "in_order",
    "is_about_others",
    "pages",
    "side_by_side",
    "spelt",
    "until_silence",
    "watched",
]
