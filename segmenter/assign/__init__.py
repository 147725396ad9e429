"""Assignment: what decides a person's segment, hysteresis, reasons, counterfactuals."""
