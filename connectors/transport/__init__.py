"""HTTP transport: pooled session, allowed hosts, timeouts, rate limits, retries, redaction, error translation."""

from connectors.transport.answers import ABOUT_OTHERS, check_made, is_about_others
from connectors.transport.circuit_breaker import NO_ANSWER, until_silence
from connectors.transport.concurrency import in_order, side_by_side
from connectors.transport.paging import pages
from connectors.transport.rate_ledger import Book, FileBook, MemoryBook, account_book
from connectors.transport.rate_limits import Budget, RateHeaders, RateWindow, Slots
from connectors.transport.transport import Call, Transport, spelt, watched

__all__ = [
    "ABOUT_OTHERS",
    "NO_ANSWER",
    "Book",
    "Budget",
    "Call",
    "FileBook",
    "MemoryBook",
    "RateHeaders",
    "RateWindow",
    "Slots",
    "Transport",
    "account_book",
    "check_made",
    "in_order",
    "is_about_others",
    "pages",
    "side_by_side",
    "spelt",
    "until_silence",
    "watched",
]
