"""A run on disk: its folder, history, verdict, report, and the way of its model into the user's list."""
