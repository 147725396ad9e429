"""The properties that an account has from the first day: those that a persona layer reads or must not write."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DAY_ONE = "2019-08-06T02:41:08.000Z"

LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
LIFECYCLE_LABELS = {"marketingqualifiedlead": "Marketing Qualified Lead", "salesqualifiedlead": "Sales Qualified Lead"}
PERSONAS = (("persona_1", "Bargain Ben"), ("persona_2", "Regular Rita"))

# name, label, type, fieldType, group, whether the API may write its values
CONTACT_PROPERTIES = (
    ("email", "Email", "string", "text", "contactinformation", True),
    ("firstname", "First Name", "string", "text", "contactinformation", True),
    ("lastname", "Last Name", "string", "text", "contactinformation", True),
    ("phone", "Phone Number", "string", "phonenumber", "contactinformation", True),
    ("company", "Company Name", "string", "text", "contactinformation", True),
    ("jobtitle", "Job Title", "string", "text", "contactinformation", True),
    ("industry", "Industry", "string", "text", "contactinformation", True),
    ("city", "City", "string", "text", "contactinformation", True),
    ("state", "State/Region", "string", "text", "contactinformation", True),
    ("zip", "Postal Code", "string", "text", "contactinformation", True),
    ("country", "Country/Region", "string", "text", "contactinformation", True),
    ("website", "Website URL", "string", "text", "contactinformation", True),
    ("birthdate", "Birthday", "date", "date", "contactinformation", True),
    ("annualrevenue", "Annual Revenue", "number", "number", "contactinformation", True),
    ("hubspot_owner_id", "Contact owner", "string", "text", "contactinformation", True),
    ("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", "contactinformation", True),
    ("hs_persona", "Persona", "enumeration", "select", "contactinformation", True),
    ("createdate", "Create Date", "datetime", "date", "contactinformation", False),
    ("lastmodifieddate", "Last Modified Date", "datetime", "date", "contactinformation", False),
    ("hs_object_id", "Record ID", "number", "number", "contactinformation", False),
    ("hs_object_source", "Record source", "string", "text", "contactinformation", False),
    ("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox", "contactinformation", False),
    ("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", "contactinformation", False),
    (
        "hs_calculated_merged_vids",
        "Merged vids with timestamps of a contact",
        "string",
        "text",
        "contactinformation",
        False,
    ),
    ("hs_all_contact_vids", "All vids for a contact", "enumeration", "checkbox", "contactinformation", False),
    ("hs_email_domain", "Email Domain", "string", "text", "contactinformation", False),
    ("hs_is_contact", "Is a contact", "bool", "booleancheckbox", "contactinformation", False),
    ("hs_is_unworked", "Contact unworked", "bool", "booleancheckbox", "contactinformation", False),
    ("hs_pipeline", "Pipeline", "string", "text", "contactinformation", False),
    ("num_associated_deals", "Number of Associated Deals", "number", "number", "deal_information", False),
    ("notes_last_contacted", "Last Contacted", "datetime", "date", "sales_properties", False),
    ("hs_last_sales_activity_date", "Last Engagement Date", "datetime", "date", "sales_properties", False),
    ("hs_email_delivered", "Marketing emails delivered", "number", "number", "emailinformation", False),
    ("hs_email_open", "Marketing emails opened", "number", "number", "emailinformation", False),
    ("hs_email_click", "Marketing emails clicked", "number", "number", "emailinformation", False),
    ("hs_email_bounce", "Marketing emails bounced", "number", "number", "emailinformation", False),
    ("hs_email_last_send_date", "Last marketing email send date", "datetime", "date", "emailinformation", False),
    ("hs_email_last_open_date", "Last marketing email open date", "datetime", "date", "emailinformation", False),
    ("hs_email_last_click_date", "Last marketing email click date", "datetime", "date", "emailinformation", False),
    ("hs_email_last_email_name", "Last marketing email name", "string", "text", "emailinformation", False),
    ("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox", "emailinformation", False),
    ("hs_email_hard_bounce_reason_enum", "Email hard bounce reason", "enumeration", "radio", "emailinformation", False),
    ("hs_email_bad_address", "Invalid email address", "bool", "booleancheckbox", "emailinformation", False),
)
DEAL_PROPERTIES = (
    ("dealname", "Deal Name", "string", "text", "dealinformation", True),
    ("amount", "Amount", "number", "number", "dealinformation", True),
    ("closedate", "Close Date", "datetime", "date", "dealinformation", True),
    ("dealstage", "Deal Stage", "enumeration", "radio", "dealinformation", True),
    ("pipeline", "Pipeline", "enumeration", "select", "dealinformation", True),
    ("dealtype", "Deal Type", "string", "text", "dealinformation", True),
    ("description", "Deal Description", "string", "textarea", "dealinformation", True),
    ("deal_currency_code", "Currency", "enumeration", "select", "dealinformation", True),
    ("hubspot_owner_id", "Deal owner", "string", "text", "dealinformation", True),
    ("createdate", "Create Date", "datetime", "date", "dealinformation", True),
    ("hs_lastmodifieddate", "Last Modified Date", "datetime", "date", "dealinformation", False),
    ("hs_object_id", "Record ID", "number", "number", "dealinformation", False),
    ("hs_is_closed_won", "Is Closed Won", "bool", "booleancheckbox", "dealinformation", False),
    ("num_associated_contacts", "Number of Associated Contacts", "number", "number", "dealinformation", False),
)
DEAL_STAGES = ("appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon", "closedlost")
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "CAD", "AUD", "JPY")

OPTIONS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("contacts", "lifecyclestage"): tuple((stage, LIFECYCLE_LABELS.get(stage, stage.title())) for stage in LIFECYCLE),
    ("contacts", "hs_persona"): PERSONAS,
    ("contacts", "hs_email_hard_bounce_reason_enum"): (
        ("UNKNOWN_USER", "Unknown user"),
        ("MAILBOX_FULL", "Mailbox full"),
        ("SPAM", "Spam"),
        ("OTHER", "Other"),
    ),
    ("deals", "dealstage"): tuple((stage, stage) for stage in DEAL_STAGES),
    ("deals", "pipeline"): (("default", "Sales Pipeline"),),
    ("deals", "deal_currency_code"): tuple((code, code) for code in CURRENCIES),
}
BOOLEAN = (("true", "True"), ("false", "False"))

GROUPS = {
    "contacts": {
        "contactinformation": "Contact information",
        "emailinformation": "Email information",
        "sales_properties": "Sales properties",
        "deal_information": "Deal information",
    },
    "deals": {"dealinformation": "Deal information"},
}


def enumeration_options(pairs: tuple[tuple[str, str], ...]) -> list[Json]:
    """Return (value, label) pairs as HubSpot lists the options of an enumeration."""
    return [
        {"label": label, "value": value, "displayOrder": place, "hidden": False}
        for place, (value, label) in enumerate(pairs)
    ]


def default_properties(kind: str) -> list[Json]:
    """Return the definitions that HubSpot ships for *kind* (``contacts`` or ``deals``)."""
    rows = CONTACT_PROPERTIES if kind == "contacts" else DEAL_PROPERTIES
    return [_definition(kind, place, *row) for place, row in enumerate(rows)]


def _definition(
    kind: str,
    place: int,
    name: str,
    label: str,
    type_: str,
    field_type: str,
    group: str,
    writable: bool,  # noqa: FBT001
) -> Json:
    pairs = BOOLEAN if type_ == "bool" else OPTIONS.get((kind, name), ())
    return {
        "name": name,
        "label": label,
        "type": type_,
        "fieldType": field_type,
        "groupName": group,
        "description": "",
        "displayOrder": place,
        "hasUniqueValue": False,
        "hidden": False,
        "hubspotDefined": True,
        "calculated": False,
        "externalOptions": False,
        "formField": writable,
        "archived": False,
        "createdAt": DAY_ONE,
        "updatedAt": DAY_ONE,
        "options": enumeration_options(pairs),
        "modificationMetadata": {
            "archivable": False,
            "readOnlyDefinition": True,
            "readOnlyOptions": name != "hs_persona",
            "readOnlyValue": not writable,
        },
    }
