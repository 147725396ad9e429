"""Column mapping of files: our field names, common header names, and names from the settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import FixSettingsError

ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "contacts": {
        "id": ("id", "contact_id", "customer_id"),
        "email": ("email", "e_mail", "email_address"),
        "consent": (
            *("consent", "consent_status", "email_consent", "marketing_consent", "email_marketing_consent"),
            *("accepts_email_marketing", "accepts_marketing", "email_marketing_status", "marketing_status"),
            *("subscription_status", "email_subscription_status", "email_subscriber_status", "subscribed"),
            *("opt_in", "opted_in", "email_opt_in", "marketing_opt_in", "newsletter", "status"),
        ),
        "opt_out": (
            *("unsubscribed_from_all_email", "unsubscribed", "opt_out", "opted_out", "email_opt_out"),
            *("hs_email_optout", "do_not_email", "unsub_time", "clean_time"),
        ),
        "created_at": ("created_at", "created"),
        "updated_at": ("updated_at", "updated", "last_changed"),
    },
    "orders": {
        "id": ("order_id", "id", "order", "invoice_no", "invoice"),
        "email": ("email", "e_mail", "email_address"),
        "contact_id": ("contact_id", "customer_id"),
        "at": ("at", "ordered_at", "order_date", "date", "invoice_date"),
        "amount": ("amount", "order_total", "total"),
        "currency": ("currency", "currency_code"),
        "state": ("state",),
        "campaign_id": ("campaign_id",),
        "line_id": ("line_id",),
        "product_id": ("product_id", "sku", "stock_code"),
        "title": ("title", "product", "product_title", "description"),
        "category": ("category",),
        "quantity": ("quantity",),
        "price": ("price", "unit_price"),
    },
    "answers": {
        "contact_id": ("contact_id", "respondent", "customer_id", "id"),
        "email": ("email", "e_mail", "email_address"),
        "survey": ("survey",),
        "item": ("item", "question"),
        "value": ("value", "answer"),
        "at": ("at", "answered_at", "date"),
    },
}
"""For each file, our names and how headers usually call them; the first that a file has is taken."""


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of one file.

    Attributes:
        named: Our name -> the file's header; names that the file lacks are absent.
        others: Headers that none of our names took, in the file's order.
    """

    named: Mapping[str, str]
    others: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.named

    def header(self, name: str) -> str:
        """Return the file's header of our *name*, or our name where the file has none."""
        return self.named.get(name, name)


def find_columns(kind: str, headers: Sequence[str], settings: Mapping[str, str], *, file: str) -> FileColumns:
    """Return which of *headers* holds what.

    Args:
        kind: A key of `ALIASES`.
        headers: The file's, in order.
        settings: The connection's; ``<kind>_<name>`` names the header of one column.
        file: Its name, for people.

    Raises:
        FixSettingsError: The settings name a header that is not there, or a column that is needed is not.
    """
    named = dict(_chosen(kind, headers, settings, file=file))
    taken = set(named.values())
    by_form = {_plain(header): header for header in reversed(headers) if header not in taken}
    for name, aliases in ALIASES[kind].items():
        if name not in named:
            found = next((by_form.pop(alias) for alias in aliases if alias in by_form), None)
            if found is not None:
                named[name] = found
    taken = set(named.values())
    columns = FileColumns(named, tuple(header for header in headers if header not in taken))
    _require(kind, columns, headers, file=file)
    return columns


def mapping_keys(kind: str) -> tuple[str, ...]:
    """Return the settings that name columns of a file."""
    return tuple(f"{kind}_{name}" for name in ALIASES[kind])


def _plain(header: str) -> str:
    """A header as we compare it: "E-Mail" is "e_mail", "OrderID" is "order_id"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    return re.sub(r"\W+", "_", words).strip("_").lower()


def _chosen(kind: str, headers: Sequence[str], settings: Mapping[str, str], *, file: str) -> Iterator[tuple[str, str]]:
    for name in ALIASES[kind]:
        header = settings.get(f"{kind}_{name}")
        if header is not None and header not in headers:
            raise FixSettingsError(
                f"{file} has no column {header!r}, which {kind}_{name} names.",
                fix=f"It has: {', '.join(headers)}.",
            )
        if header is not None:
            yield name, header


NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "contacts": (("id", "email"),),
    "orders": (("id",), ("contact_id", "email"), ("at",), ("amount", "price")),
    "answers": (("contact_id", "email"),),
}
"""Of each group a file must have one."""


def _require(kind: str, columns: FileColumns, headers: Sequence[str], *, file: str) -> None:
    for group in NEEDED[kind]:
        if not any(name in columns for name in group):
            wanted = " or ".join(repr(name) for name in group)
            keys = " or ".join(f'{kind}_{name} = "..."' for name in group)
            raise FixSettingsError(
                f"{file} has no column {wanted}; it has: {', '.join(headers)}.",
                fix=f"Name the column in personasync.toml: {keys}.",
            )
    if ("item" in columns) != ("value" in columns):
        raise FixSettingsError(
            f"{file} has only one of the columns 'item' and 'value'.",
            fix=("A file with one answer per row needs both; a file with one respondent per row needs neither."),
        )
