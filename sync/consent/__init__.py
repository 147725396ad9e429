"""Consent of a person: the strictest that their records show, and opt-outs that outlive the record."""
