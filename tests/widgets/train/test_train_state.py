"""What *Train* allows and says, for every state that it can be in."""

import pytest

from napari_sr.widgets.train.state import LOADING, NO_FOLDER, NO_IMAGE, NO_NAME, Choices, resolve


@pytest.mark.parametrize(
    ("choices", "hint"),
    [
        (Choices(), LOADING),
        (Choices(ready=True), NO_IMAGE),
        (Choices(ready=True, on_layers=False, name="x"), NO_FOLDER),
        (Choices(ready=True, has_images=True), NO_NAME),
        (Choices(ready=True, has_images=True, name="x"), ""),
        (Choices(ready=True, has_images=True, name="x", running=True), ""),
        (Choices(ready=True, running=True), ""),
    ],
)
def test_what_is_missing_is_said_wherever_nothing_can_be_trained(choices, hint):
    found = resolve(choices)
    assert found.hint == hint
    assert found.can_train == (not hint and not choices.running)
