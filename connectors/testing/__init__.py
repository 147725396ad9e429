"""The conformance kit: laws that every connector keeps, as a pytest plugin for any repository."""
