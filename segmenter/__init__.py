"""Pure decisions about people: tables in, tables out. No network, clock, files or settings."""
