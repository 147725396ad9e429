"""Traits of everybody, kept up to date incrementally; the customer lifetime value model; data checks."""
