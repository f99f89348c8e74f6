"""Which layer was made from which, for every pair of a family of layers."""

from itertools import permutations
from types import SimpleNamespace

import pytest

from napari_sr.widgets.controls.reference_box import may_be_truth
from napari_sr.widgets.layers.parentage import is_source, made_from, no_truth, parent, truth_of
from napari_sr.widgets.layers.snapshot import METADATA_KEY


def layer(name, **said):
    return SimpleNamespace(name=name, unique_id=f"id of {name}", metadata={METADATA_KEY: said} if said else {})


def sr(name, source, *, by_id=True):
    known = {"source_id": f"id of {source}"} if by_id else {}
    return layer(name, made_by="super-resolution", source_layer=source, **known)


@pytest.fixture(params=[True, False])
def family(request):
    """An HR image, LR images of it, results of those, and a second round from a result."""
    by_id = request.param
    made = [
        layer("HR"), layer("LR", reference="HR", kind="EM"), layer("other"),
        sr("SR", "LR", by_id=by_id), sr("SR2", "SR", by_id=by_id), layer("LR of SR", reference="SR"),
        sr("SR of that", "LR of SR", by_id=by_id), layer("map", made_by="comparison", reference="HR", of="SR"),
    ]  # fmt: skip
    return {x.name: x for x in made}


#: (what was made, from what): by super-resolution as the last step, through whatever steps before
MADE = {
    ("SR", "LR"), ("SR2", "SR"), ("SR2", "LR"), ("SR of that", "LR of SR"), ("SR of that", "LR"), ("LR of SR", "LR"),
}  # fmt: skip


def test_every_pair_of_a_family(family):
    layers = list(family.values())
    found = {(a.name, b.name) for a, b in permutations(layers, 2) if made_from(a, b, layers)}
    assert found == MADE
    sources = {x.name for x in layers if is_source(x, layers)}
    assert sources == {source for _, source in MADE}
    # the HR image from which the LR image was simulated stays a truth; results and maps are none
    assert {x.name for x in layers if may_be_truth(x, layers)} == {"HR", "other"}


def test_a_new_name_hides_nothing(family):
    layers = list(family.values())
    if "source_id" not in family["SR"].metadata[METADATA_KEY]:  # names are all there is
        family["LR"].name = "renamed"
        assert parent(family["SR"], layers) is None
        return
    family["LR"].name = "renamed"
    family["other"].name = "LR"  # and an impostor
    assert made_from(family["SR"], family["LR"], layers)
    assert not made_from(family["SR"], family["other"], layers)


def test_circles_of_names_end(family):
    first, second = sr("a", "b"), sr("b", "a")
    assert made_from(first, second, [first, second])
    assert made_from(second, first, [first, second])
    alone = sr("self", "self")
    assert parent(alone, [alone]) is None


def test_what_is_said(family):
    layers = list(family.values())
    candidates = [family["SR"], family["other"]]
    assert no_truth(family["LR"], candidates, layers) == [
        "LR is the image that SR was made from: the figures only show how much SR changed it, not how true it is."
    ]
    assert no_truth(family["HR"], [*candidates, family["LR"]], layers) == []
    (line,) = no_truth(family["SR"], [family["LR"]], layers)
    assert line.startswith("SR was made from LR: ")
    (line,) = no_truth(family["SR"], [family["SR of that"]], layers)
    assert line.startswith("SR was made from LR, as SR of that was: the figures only show how alike the two are")


def test_the_truth_of_an_lr_image_stays_so_under_a_new_name(family):
    layers = list(family.values())
    assert truth_of(family["LR"], layers) is family["HR"]
    assert truth_of(family["SR"], layers) is None  # it was made from LR, which is none
    assert truth_of(family["map"], layers) is None
    family["LR"].metadata[METADATA_KEY]["reference_id"] = "id of HR"
    family["HR"].name = "renamed"
    family["other"].name = "HR"
    assert truth_of(family["LR"], layers) is family["HR"]
    assert truth_of(family["LR"], [x for x in layers if x is not family["HR"]]) is family["other"]  # by name
