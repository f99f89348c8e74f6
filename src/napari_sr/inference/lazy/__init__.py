"""An image that is super-resolved where it is looked at: tiles come in the background and are kept for a while."""
