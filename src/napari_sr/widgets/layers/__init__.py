"""Reading layers of the viewer, and adding those that come out."""
