"""The dock widget *Train*."""
