"""Facts: what is kept of a person so that every trait follows from it. Ibis in, Ibis out, one pass over each table."""
