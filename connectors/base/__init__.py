"""What a connector is made of where its author writes the least: small protocols, and a class that derives the rest."""

from connectors.base.derived import DerivedConnector
from connectors.base.http import JsonClient, at_own_site
from connectors.base.protocols import (
    CampaignSource,
    ContactSource,
    RefusedContact,
    Sink,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
)
from connectors.events import (
    ActionAnswer,
    ActionSource,
    AppProject,
    Delivery,
    EventSource,
    MalformedError,
    PlatformEvent,
    WebhookApp,
    event_json,
    short_text,
)
from connectors.signatures import check_hmac, check_window
from connectors.transport import entries

__all__ = [
    "ActionAnswer",
    "ActionSource",
    "AppProject",
    "CampaignSource",
    "ContactSource",
    "Delivery",
    "DerivedConnector",
    "EventSource",
    "JsonClient",
    "MalformedError",
    "PlatformEvent",
    "RefusedContact",
    "Sink",
    "SourceContact",
    "SourcePage",
    "WantedContact",
    "WebhookApp",
    "Written",
    "at_own_site",
    "check_hmac",
    "check_window",
    "entries",
    "event_json",
    "short_text",
]
