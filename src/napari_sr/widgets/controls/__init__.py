"""Controls that dock widgets share."""
