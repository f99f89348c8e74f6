"""``python -m napari_sr``: the command line, where scripts are not on the path."""

from napari_sr.cli import main

main()
