"""Assign people to segments and personas; explain an assignment; what-if."""
