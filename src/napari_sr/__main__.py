"""``python -m napari_sr``."""

from napari_sr.cli import main

main()
