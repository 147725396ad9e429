"""Campaign results: import, lift, offers."""
