"""The typing tool: the few questions that tell best which segment somebody is in, and what their answers say."""
