"""The webhook service: deliveries in, the contact classified and pushed to both platforms within seconds."""
