"""Rules: what they say of a person, and the segments that they define."""
