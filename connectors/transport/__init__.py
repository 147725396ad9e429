"""The one way out: pooled session, allowed hosts, time-outs, pacing, retry, redaction, error translation."""

from connectors.transport.budget import Budget, Slots, Window
from connectors.transport.in_order import in_order
from connectors.transport.silence import NO_ANSWER, until_silence
from connectors.transport.transport import Call, Transport

__all__ = ["NO_ANSWER", "Budget", "Call", "Slots", "Transport", "Window", "in_order", "until_silence"]
