"""Consent of a person: the strictest across records, and opt-outs that outlive a record."""
