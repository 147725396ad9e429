"""Rules: expressions over traits, and the segments that they define."""
