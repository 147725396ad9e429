"""What a connector is made of where its author writes the least: small protocols, and a class that derives the rest."""

from connectors.base.derived import DerivedConnector
from connectors.base.http import JsonClient, at_own_site, place_of_next
from connectors.base.one_by_one import FillsAndMoves, WritesOneByOne
from connectors.base.probes import DeclaredProbes
from connectors.base.protocols import (
    ActsByCampaign,
    ActsByTime,
    CampaignSource,
    ContactSource,
    MailAct,
    MailSent,
    OrderSource,
    RefusedContact,
    Sink,
    SourceCampaign,
    SourceContact,
    SourceOrder,
    SourcePage,
    WantedContact,
    Written,
)
from connectors.base.reading import moment, utc_text
from connectors.base.results import read_campaign
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
    "ActsByCampaign",
    "ActsByTime",
    "AppProject",
    "CampaignSource",
    "ContactSource",
    "DeclaredProbes",
    "Delivery",
    "DerivedConnector",
    "EventSource",
    "FillsAndMoves",
    "JsonClient",
    "MailAct",
    "MailSent",
    "MalformedError",
    "OrderSource",
    "PlatformEvent",
    "RefusedContact",
    "Sink",
    "SourceCampaign",
    "SourceContact",
    "SourceOrder",
    "SourcePage",
    "WantedContact",
    "WebhookApp",
    "WritesOneByOne",
    "Written",
    "at_own_site",
    "check_hmac",
    "check_window",
    "entries",
    "event_json",
    "moment",
    "place_of_next",
    "read_campaign",
    "short_text",
    "utc_text",
]
