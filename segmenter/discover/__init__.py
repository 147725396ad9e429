"""Find segments in data, and refuse to find any where there are none."""
