"""What a connector is made of where its author writes the least: small protocols, and a class that derives the rest."""

from connectors.base.derived import DerivedConnector
from connectors.base.http import JsonClient
from connectors.base.protocols import (
    CampaignSource,
    EventSource,
    Refusal,
    Sink,
    Source,
    SourceContact,
    SourceEvent,
    SourcePage,
    WantedContact,
    Written,
)

__all__ = [
    "CampaignSource",
    "DerivedConnector",
    "EventSource",
    "JsonClient",
    "Refusal",
    "Sink",
    "Source",
    "SourceContact",
    "SourceEvent",
    "SourcePage",
    "WantedContact",
    "Written",
]
