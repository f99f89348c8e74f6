"""Blind ranking: people put reconstructions in order without knowing which is whose."""
