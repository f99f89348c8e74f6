"""The dock widget *Super-resolve*."""
