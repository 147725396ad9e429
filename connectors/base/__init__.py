"""What a connector is made of where its author writes the least: small protocols, and a class that derives the rest."""

from connectors.base.derived import DerivedConnector
from connectors.base.http import JsonClient
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

__all__ = [
    "CampaignSource",
    "ContactSource",
    "DerivedConnector",
    "JsonClient",
    "RefusedContact",
    "Sink",
    "SourceContact",
    "SourcePage",
    "WantedContact",
    "Written",
]
