"""Monitoring: drift, data quality, structure, proxy audit."""
