"""The webhook service: receives events, classifies the contact and pushes it within seconds."""
