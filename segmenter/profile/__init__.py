"""What is true of a group's people: facts that differ from everybody, a typical member, and how sure all of it is."""
