"""Typing tools: short surveys that classify people into segments."""
