"""Monitoring: data quality, drift, stability, migration between segments, proxy audit."""
