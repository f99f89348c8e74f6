"""The napari face: dock widgets, menu entries and sample data. The only folder that knows Qt and napari."""
