"""Models and images: which model suits which image."""
