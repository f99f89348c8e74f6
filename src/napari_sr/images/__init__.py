"""Reading and writing images, training patches, sample images."""
