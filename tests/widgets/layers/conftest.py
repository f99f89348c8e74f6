"""Where layers lie is the model's business: it needs no window, which takes a second to open and close."""

import pytest
from napari.components import ViewerModel


@pytest.fixture
def viewer(qapp):
    return ViewerModel()
