"""What every dock widget stands on: jobs off the GUI thread, sections, messages."""
