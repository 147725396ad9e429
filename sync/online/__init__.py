"""What the batch run and the webhook service hand each other."""
