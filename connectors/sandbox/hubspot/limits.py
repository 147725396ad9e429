"""HubSpot's limits: a rolling bucket per app, a counter per day, and search with a lane of its own."""

from __future__ import annotations

from collections import deque

from connectors.sandbox.hubspot.errors import Refusal
from connectors.sandbox.hubspot.state import HubSpotState

BUCKET_SECONDS = 10.0
SEARCHES_PER_SECOND = 5
LONGEST_URL = 8_192  # (?) HubSpot publishes no figure; a long `properties` list gets there


class RequestWindow:
    """Requests of the last *seconds*; one that is refused is not counted."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stamps: deque[float] = deque()

    def used(self, now: float) -> int:
        """Return how many requests the window that ends at *now* (monotonic seconds) holds."""
        while self.stamps and self.stamps[0] <= now - self.seconds:
            self.stamps.popleft()
        return len(self.stamps)


class AccountLimits:
    """Counts the requests of the one app that this account has."""

    def __init__(self, state: HubSpotState) -> None:
        self.state = state
        self.bucket = RequestWindow(BUCKET_SECONDS)
        self.second = RequestWindow(1.0)
        self.search = RequestWindow(1.0)

    def admit(self, *, search: bool, now: float) -> None:
        """Count a request that arrives at *now* (monotonic seconds).

        Raises:
            Refusal: 429, in the words of the limit that it met.
        """
        settings = self.state.world.settings
        if settings.enforce_limits:
            if self.used_today() >= settings.daily_requests:
                raise _too_many("You have reached your daily limit.", "DAILY")
            if search and self.search.used(now) >= SEARCHES_PER_SECOND:
                # as recorded: search words its refusal like the newer APIs, without a policy name
                message = "You have reached your secondly limit."
                raise Refusal(429, message, "RATE_LIMITS")
            if not search and self.bucket.used(now) >= settings.burst_requests:
                raise _too_many("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
        (self.search if search else self.bucket).stamps.append(now)
        if not search:
            self.second.stamps.append(now)
        self.state.usage["today"] = {"day": self._day(), "used": self.used_today() + 1}

    def headers(self, *, now: float) -> dict[str, str]:
        """Return the rate headers of an ordinary answer; search answers carry none."""
        settings = self.state.world.settings
        secondly = settings.burst_requests // int(BUCKET_SECONDS)
        return {
            "X-HubSpot-RateLimit-Daily": str(settings.daily_requests),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(settings.daily_requests - self.used_today(), 0)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(BUCKET_SECONDS * 1000)),
            "X-HubSpot-RateLimit-Max": str(settings.burst_requests),
            "X-HubSpot-RateLimit-Remaining": str(max(settings.burst_requests - self.bucket.used(now), 0)),
            # deprecated and not enforced, but still sent
            "X-HubSpot-RateLimit-Secondly": str(secondly),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(secondly - self.second.used(now), 0)),
        }

    def used_today(self) -> int:
        """Return the requests since midnight in the account's time zone, which is UTC."""
        today = self.state.usage.get("today", {"day": "", "used": 0})
        return int(today["used"]) if today["day"] == self._day() else 0

    def _day(self) -> str:
        return self.state.world.clock.now().date().isoformat()


def _too_many(message: str, policy: str) -> Refusal:
    refusal = Refusal(429, message, errorType="RATE_LIMIT", policyName=policy)
    del refusal.body["category"]  # this older form of the body has `errorType` in its place
    return refusal
