"""What both local platforms share: the store, the clock, the seed, and how they shall misbehave."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from connectors.sandbox.clock import PlatformClock
from connectors.sandbox.store import Store

HUBSPOT_TOKEN = "pat-sandbox-0000"  # noqa: S105 - the local platform's, worth nothing elsewhere
HUBSPOT_APP_SECRET = "5a4db0c5-0000-4000-8000-5a4db0c50000"  # noqa: S105 - of the app that gets webhooks; worth as much
MAILCHIMP_KEY = "sandbox-key-us1"


@dataclass(slots=True)
class Settings:
    """How the local platforms behave; all of it can be changed while they run.

    Attributes:
        latency: Seconds added to every answer.
        enforce_limits: Whether requests per window, search per second and connections are limited.
        burst_requests: HubSpot's requests per ten seconds.
        daily_requests: HubSpot's requests per day.
        search_lag: Seconds until a HubSpot write can be found by search.
        export_seconds: How long HubSpot's export of contacts takes.
        scopes: What the HubSpot token may do; None is everything.
        merge_keeps_primary_id: HubSpot's "primary ID preservation" beta.
        required_properties: HubSpot properties without which 2026-09 refuses a contact.
        short_numbers: Whether HubSpot shows "1.0" as "1".
        encoded_cursors: Whether HubSpot also takes the cursor of a list's members as it came, still encoded.
        gdpr: Whether the HubSpot account demands a legal basis for consent writes.
        merge_field_limit: Mailchimp's merge fields per audience.
        webhook_via: Address on this machine to which every webhook goes, whatever host it is meant for: a proxy.
        webhook_signatures: Which of HubSpot's versions its subscriptions carry.
        webhook_gather: Seconds for which HubSpot gathers events before it sends them.
        webhook_delay: Seconds by which deliveries come late.
        webhook_disorder: Seconds by which some deliveries overtake others; within one, events are always shuffled.
        webhook_duplicates: Share of events that are sent twice.
        webhook_drops: Share of deliveries that break: half never arrive, half arrive and their answer does not.
        webhook_retry_scale: Factor on the waits before a retry.
        webhook_skew: Seconds by which the platforms' clock is ahead where a signature says the time.
    """

    latency: float = 0.0
    enforce_limits: bool = True
    burst_requests: int = 190
    daily_requests: int = 625_000
    search_lag: float = 0.0
    export_seconds: float = 0.0
    scopes: frozenset[str] | None = None
    merge_keeps_primary_id: bool = False
    required_properties: tuple[str, ...] = ()
    short_numbers: bool = False
    encoded_cursors: bool = False
    gdpr: bool = False
    merge_field_limit: int = 30
    webhook_via: str = ""
    webhook_signatures: tuple[str, ...] = ("v1", "v3")
    webhook_gather: float = 0.05
    webhook_delay: float = 0.0
    webhook_disorder: float = 0.0
    webhook_duplicates: float = 0.01
    webhook_drops: float = 0.0
    webhook_retry_scale: float = 1.0
    webhook_skew: float = 0.0


@dataclass(slots=True)
class World:
    """One pair of platforms: what they know, what time it is there, and how they behave."""

    store: Store
    clock: PlatformClock
    settings: Settings
    seed: int = 20261124
    random: random.Random = field(init=False)
    held_up: dict[str, int] = field(init=False, default_factory=dict)  # requests by platform, not yet with its app
    states: dict[type, object] = field(init=False, default_factory=dict)  # each platform's one state object

    def __post_init__(self) -> None:
        """Seed the one source of chance."""
        self.random = random.Random(self.seed)  # noqa: S311 - people and faults, not secrets


def make_world(
    path: Path | None = None,
    *,
    settings: Settings | None = None,
    seed: int = 20261124,
    begins: datetime | None = None,
) -> World:
    """Return the world saved at *path*, or a new one (kept in memory only when *path* is None).

    A new one begins at *begins* (UTC), by default now.
    """
    store, clock = Store(path), PlatformClock()
    saved = store.table("world").get("clock")
    if saved is not None:
        clock.offset = timedelta(seconds=float(saved["offset_seconds"]))
    elif begins is not None:
        clock.advance(begins - clock.now())
    return World(store=store, clock=clock, settings=settings or Settings(), seed=seed)
