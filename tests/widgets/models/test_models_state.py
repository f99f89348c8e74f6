"""What *Models* shows, without a window."""

from dataclasses import replace

import pytest
from small_models import make_model

from napari_sr.models.manage import entries
from napari_sr.models.model import save
from napari_sr.models.store import user_path
from napari_sr.widgets.models.state import (
    DAMAGED,
    YOURS,
    Choices,
    checked,
    groups,
    lines,
    resolve,
)

TITLES = {"m0": "Electron microscopy ×4, any blur and noise", "m1": "Liver", "m2": "Liver 2"}


@pytest.fixture
def listed():
    model = make_model()
    save(replace(model, card=replace(model.card, title="Liver", licence="CC0-1.0")), user_path("liver"))
    user_path("broken").write_bytes(b"nothing")
    return tuple(entries())


def named(listed, name):
    (found,) = [e for e in listed if e.name == name]
    return found


def test_ones_own_come_first_then_the_groups_of_the_other_docks(listed):
    found = groups(listed)
    assert [title for title, _ in found] == [
        YOURS, DAMAGED, "Electron microscopy", "Fluorescence", "Cosmology (N-body)", "Of the theses"
    ]  # fmt: skip
    shown = lines(listed)
    assert [shown[e.path] for e in found[0][1]] == ["Liver"]
    assert [shown[e.path] for e in found[1][1]] == ["broken"]
    assert sum(len(members) for _, members in found) == len(listed)


def test_models_of_one_title_say_their_names():
    models = [replace(make_model().card, name=name, title=title) for name, title in TITLES.items()]
    for number, card in enumerate(models):
        save(replace(make_model(), card=card), user_path(f"m{number}"))
    listed = entries()
    shown = lines(listed)
    assert [shown[user_path(f"m{n}")] for n in range(3)] == [
        "Electron microscopy ×4, any blur and noise (m0)", "Liver", "Liver 2"
    ]  # fmt: skip
    assert shown[named(listed, "em-x4").path] == "Electron microscopy ×4, any blur and noise (em-x4)"


def test_what_is_ones_own_can_be_changed_and_what_came_along_cannot(listed):
    mine = resolve(Choices(listed, named(listed, "liver"), "/models"))
    assert mine.can_change
    assert mine.can_remove
    assert mine.can_export
    assert mine.about.startswith("liver, yours, ")
    assert mine.about.endswith("CC0-1.0.")
    shipped = resolve(Choices(listed, named(listed, "em-x4"), "/models"))
    assert not shipped.can_change
    assert not shipped.can_remove
    assert shipped.can_export
    assert "came with napari-sr, and stays as it is" in shipped.about


def test_a_damaged_file_can_only_be_removed(listed):
    state = resolve(Choices(listed, named(listed, "broken")))
    assert state.can_remove
    assert not state.can_change
    assert not state.can_export
    assert not state.can_show_card
    assert "damaged" in state.about


def test_blur_and_noise_are_asked_for_where_a_model_is_told_them(listed):
    told, untold = named(listed, "em-x4"), named(listed, "liver")
    assert not resolve(Choices(listed, untold)).shows_told
    assert resolve(Choices(listed, told)).shows_told
    assert not resolve(Choices(listed, told)).shows_sliders
    assert resolve(Choices(listed, told, fixed=True)).shows_sliders
    assert not resolve(Choices(listed, untold, fixed=True)).shows_sliders
    assert resolve(Choices(listed, told, format="bioimageio")).shows_author
    assert not resolve(Choices(listed, told, format="onnx")).shows_author


def test_while_something_runs_nothing_else_begins(listed):
    state = resolve(Choices(listed, named(listed, "liver"), running=True))
    assert state.can_cancel
    assert state.can_show_card
    assert not any((state.can_add, state.can_change, state.can_remove, state.can_export, state.can_move))
    assert not resolve(Choices(listed, None, running=True, stopping=True)).can_cancel
    assert not resolve(Choices(listed, None, running=True, to_its_end=True)).can_cancel
    loading = resolve(Choices(loading=True))
    assert not loading.can_add
    assert loading.about == "Loading the list of models …"


def test_where_they_are_and_what_they_take(listed):
    assert resolve(Choices(listed, folder="/models")).where.startswith("2 models, ")
    assert "in /models." in resolve(Choices(listed, folder="/models")).where
    none = resolve(Choices(tuple(e for e in listed if e.shipped), folder="/models"))
    assert none.where.startswith("You have no models of your own yet.")


def test_a_check_in_words():
    assert checked([], 17).startswith("All models are good")
    assert checked(["a is damaged."], 3) == "1 of 3 models cannot be used. a is damaged."
