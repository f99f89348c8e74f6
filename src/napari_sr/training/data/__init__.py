"""What a training sees: sources, the split into training and validation, patches, whole images to validate on."""
