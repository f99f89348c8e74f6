"""The window of a blind ranking, and the section that opens it."""
