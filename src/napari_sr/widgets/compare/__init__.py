"""The dock widget *Compare*."""
