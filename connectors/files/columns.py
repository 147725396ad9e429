"""Column mapping of files: our field names, common header names, and names from the settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.errors import FixSettingsError
from connectors.files.formats import DATE_ORDER, DECIMAL_MARK
from connectors.files.presets import preset_of

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
        "state": ("state", "order_status"),
        "cancelled_at": ("cancelled_at",),
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
    "events": {
        "id": ("event_id", "id"),
        "email": ("email", "e_mail", "email_address"),
        "contact_id": ("contact_id", "customer_id"),
        "kind": ("kind", "event", "type", "event_type", "event_name"),
        "at": ("at", "time", "timestamp", "date", "occurred_at"),
        "address": ("address", "url", "page", "page_url"),
        "product": ("product", "product_id", "sku", "item"),
        "campaign": ("campaign", "campaign_id", "utm_campaign"),
        "value": ("value", "amount"),
    },
}
"""For each file, our names and how headers usually call them; the first that a file has is taken."""


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of one file.

    Attributes:
        named: Our name -> the file's header; names that the file lacks are absent.
        others: Headers that none of our names took, in the file's order.
        properties: Property -> the header that holds it, where an export calls or writes it otherwise.
        preset: What export the file was recognised as; "": none.
    """

    named: Mapping[str, str]
    others: tuple[str, ...]
    properties: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""

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
    preset = preset_of(kind, headers)
    if preset is not None:
        named = {**_of_preset(preset.columns, headers, set(named.values())), **named}
    taken = set(named.values())
    by_form = {_plain(header): header for header in reversed(headers) if header not in taken}
    for name, aliases in ALIASES[kind].items():
        if name not in named:
            column = next((by_form.pop(alias) for alias in aliases if alias in by_form), None)
            if column is not None:
                named[name] = column
    taken = set(named.values())
    others = tuple(header for header in headers if header and header not in taken)
    known = _of_preset(preset.properties, others, set()) if preset else {}
    alike = _written_otherwise(others) if kind == "contacts" else {}
    columns = FileColumns(named, others, {**alike, **known}, preset.title if preset else "")
    _require(kind, columns, headers, settings, file=file)
    return columns


def _of_preset(wanted: Mapping[str, str], headers: Sequence[str], taken: set[str]) -> dict[str, str]:
    by_case = {header.casefold(): header for header in reversed(headers) if header not in taken}
    return {name: by_case[header.casefold()] for name, header in wanted.items() if header.casefold() in by_case}


def _written_otherwise(headers: Sequence[str]) -> dict[str, str]:
    by_form = {_plain(header): header for header in reversed(headers)}
    return {name: by_form[name] for name in OF_TRAITS if name in by_form and name not in headers}


def mapping_keys(kind: str) -> tuple[str, ...]:
    """Return the settings that say how a file is read: its columns, sheet and formats."""
    return (*(f"{kind}_{name}" for name in ALIASES[kind]), f"{kind}_sheet", DATE_ORDER, DECIMAL_MARK)


def _plain(header: str) -> str:
    """A header as we compare it: "E-Mail" is "e_mail", "OrderID" is "order_id"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    return re.sub(r"\W+", "_", words).strip("_").lower()


def _chosen(kind: str, headers: Sequence[str], settings: Mapping[str, str], *, file: str) -> Iterator[tuple[str, str]]:
    lacking = []
    for name in ALIASES[kind]:
        header = settings.get(f"{kind}_{name}")
        if header is not None and header not in headers:
            near = difflib.get_close_matches(header, headers, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            lacking.append(f"{header!r}, which {kind}_{name} names{hint}")
        elif header is not None:
            yield name, header
    if lacking:
        raise FixSettingsError(f"{file} has no column {'; '.join(lacking)}.", fix=f"It has: {_listed(headers)}.")


NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "contacts": (("id", "email"),),
    "orders": (("id",), ("contact_id", "email"), ("at",), ("amount", "price")),
    "answers": (("contact_id", "email"),),
    "events": (("contact_id", "email"), ("kind",), ("at",)),
}
"""Of each group a file must have one."""
OF_TRAITS = (
    *("lifecycle_stage", "country", "region", "city", "time_zone", "language"),
    *("company", "industry", "job_title", "employees"),
)
"""Properties that built-in traits are read from; a header may write them otherwise: "Country", "Job title"."""
WITHOUT_AMOUNTS = "orders_without_amounts"
"""The setting by which a file of orders may lack amounts and prices: said, since they may only be named otherwise."""


def _require(
    kind: str, columns: FileColumns, headers: Sequence[str], settings: Mapping[str, str], *, file: str
) -> None:
    needed = [group for group in NEEDED[kind] if "amount" not in group or settings.get(WITHOUT_AMOUNTS) != "yes"]
    lacking = [group for group in needed if not any(name in columns for name in group)]
    if lacking:
        wanted = ", and no column ".join(" or ".join(repr(name) for name in group) for group in lacking)
        keys = ", ".join(" or ".join(f'{kind}_{name} = "..."' for name in group) for group in lacking)
        raise FixSettingsError(
            f"{file} has no column {wanted}; it has: {_listed(headers)}.",
            fix=f"Name the {'column' if len(lacking) == 1 else 'columns'} in personasync.toml: {keys}."
            + (f' If orders have no amounts: {WITHOUT_AMOUNTS} = "yes".' if ("amount", "price") in lacking else ""),
        )
    if kind == "answers" and ("item" in columns) != ("value" in columns):
        raise FixSettingsError(
            f"{file} has only one of the columns 'item' and 'value'.",
            fix=("A file with one answer per row needs both; a file with one respondent per row needs neither."),
        )


def _listed(headers: Sequence[str]) -> str:
    return ", ".join(header for header in headers if header)
