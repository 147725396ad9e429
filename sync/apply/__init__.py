"""Apply a plan, push the changes, undo them."""
