"""Headers of the exports of shops and platforms, by which their files are recognised.

Where the headers come from: Shopify: help.shopify.com, "Exporting orders" and "Exporting customers". WooCommerce: the
export columns of its Analytics reports (`get_export_columns`), and of the Customer/Order CSV Export. HubSpot: the
labels of its default properties. Mailchimp: "View exported data". Klaviyo: the export of a segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of export.

    Attributes:
        title: For people.
        kind: "contacts" or "orders".
        signature: Headers that tell it from all others.
        columns: Our name -> its header.
        properties: Property that built-in traits are read from -> its header.
    """

    title: str
    kind: str
    signature: tuple[str, ...]
    columns: Mapping[str, str]
    properties: Mapping[str, str] = field(default_factory=dict)


PRESETS = (
    Preset(
        "Shopify orders",
        "orders",
        ("Financial Status", "Lineitem name"),
        {
            "id": "Name",
            "email": "Email",
            "at": "Created at",
            "amount": "Total",
            "currency": "Currency",
            "state": "Financial Status",
            "cancelled_at": "Cancelled at",
            "title": "Lineitem name",
            "product_id": "Lineitem sku",
            "quantity": "Lineitem quantity",
            "price": "Lineitem price",
        },
    ),
    Preset(
        "Shopify customers",
        "contacts",
        ("Customer ID", "Total Spent", "Total Orders"),
        {"id": "Customer ID", "email": "Email"},
        {
            "country": "Default Address Country Code",
            "region": "Default Address Province Code",
            "city": "Default Address City",
            "company": "Default Address Company",
        },
    ),
    Preset(
        "Shopify customers (import layout)",
        "contacts",
        ("Total Spent", "Total Orders", "Country Code"),
        {"email": "Email"},
        {"country": "Country Code", "region": "Province Code", "city": "City", "company": "Company"},
    ),
    Preset(
        "WooCommerce customers",
        "contacts",
        ("Sign Up", "Last Active", "Total Spend"),
        {"email": "Email", "created_at": "Sign Up"},
        {"country": "Country / Region", "region": "Region", "city": "City"},
    ),
    Preset(
        "WooCommerce customers (current layout)",
        "contacts",
        ("Date registered", "Last active", "Total spend"),
        {"email": "Email", "created_at": "Date registered"},
        {"country": "Country / Region", "region": "Region", "city": "City"},
    ),
    Preset(
        "WooCommerce orders (Customer/Order CSV Export)",
        "orders",
        ("order_total", "billing_email"),
        {
            "id": "order_id",
            "email": "billing_email",
            "at": "date",
            "amount": "order_total",
            "state": "status",
            "currency": "order_currency",
        },
    ),
    Preset(
        "HubSpot contacts",
        "contacts",
        ("Record ID", "Create Date"),
        {"id": "Record ID", "email": "Email", "created_at": "Create Date", "updated_at": "Last Modified Date"},
        {
            "lifecyclestage": "Lifecycle Stage",
            "country": "Country/Region",
            "state": "State/Region",
            "city": "City",
            "hs_timezone": "Time Zone",
            "hs_language": "Preferred language",
            "company": "Company Name",
            "industry": "Industry",
            "jobtitle": "Job Title",
            "numemployees": "Number of Employees",
        },
    ),
    Preset(
        "Mailchimp audience",
        "contacts",
        ("MEMBER_RATING", "OPTIN_TIME"),
        {"email": "Email Address", "created_at": "CONFIRM_TIME", "updated_at": "LAST_CHANGED"},
        {"country": "CC", "region": "REGION", "time_zone": "TIMEZONE"},
    ),
    Preset(
        "Klaviyo profiles",
        "contacts",
        ("Klaviyo ID",),
        {"id": "Klaviyo ID", "email": "Email", "created_at": "Profile Created On"},
        {"country": "Country", "region": "State / Region", "city": "City", "company": "Organization"},
    ),
)


def preset_of(kind: str, headers: Sequence[str]) -> Preset | None:
    """Return the export that a file's *headers* are of; None: none that is known.

    Args:
        kind: "contacts", "orders", "answers" or "events".
        headers: Of the file.
    """
    known = {header.casefold() for header in headers}
    for preset in PRESETS:
        if preset.kind == kind and all(header.casefold() in known for header in preset.signature):
            return preset
    return None
