import pytest

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.geometry import Geometry
from napari_sr.images.selection import Selection
from napari_sr.images.stack import Channel
from napari_sr.images.writers import OutputInfo

LAYOUT = Layout("TCZYX", (6, 3, 2, 100, 80))


def test_what_a_user_writes():
    found = Selection.parsed(LAYOUT, "10:60,:40", ["T=0:5:2", "c=0,2"])
    assert (found.rows, found.columns) == (slice(10, 60), slice(0, 40))
    assert found.take == {"T": (0, 2, 4), "C": (0, 2)}
    assert found.layout(LAYOUT).shape == (3, 2, 2, 50, 40)
    assert found.whole_index("TCZYX", (1, 1, 0)) == (2, 2, 0)
    assert Selection.parsed(LAYOUT).layout(LAYOUT) == LAYOUT


@pytest.mark.parametrize(
    ("region", "take", "message"),
    [("10,20", [], "write rows and columns"), ("50:40,:", [], "has no rows"), (":,0:81", [], "80 columns, and not 81"),
     ("", ["T"], "write an axis"), ("", ["Y=1"], "chosen along T, C, Z"), ("", ["Q=1"], "chosen along"),
     ("", ["T=6"], "positions 0 to 5"), ("", ["T=2,1"], "in their order"), ("", ["T=1,1"], "once"),
     ("", ["T=x"], "neither a position nor a range"), ("", ["T=1", "T=2"], "named twice"), ("", ["T=0:7"], "0 to 5"),
     ("", ["T=0:5:0"], "neither")],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(region, take, message):
    with pytest.raises(ImageError, match=message):
        Selection.parsed(LAYOUT, region, take)


def test_a_part_lies_where_it_was_and_keeps_its_names():
    geometry = Geometry.stated(
        T=(2.0, "s", 10.0), Z=(0.5, "µm", 0.0), Y=(0.1, "µm", 3.0), X=(0.2, "µm", 0.0), C=(1.0, "")
    )
    labels = tuple(f"t{t}c{c}z{z}" for t in range(6) for c in range(3) for z in range(2))
    info = OutputInfo("TCZYX", geometry, channels=(Channel("a"), Channel("b"), Channel("c")), labels=labels)
    part = Selection.parsed(LAYOUT, "10:60,5:40", ["T=1:6:2", "C=0,2"]).info(info, LAYOUT)
    assert part.geometry.steps["T"] == 4.0
    assert part.geometry.origin["T"] == 12.0
    assert (part.geometry.origin["Y"], part.geometry.origin["X"]) == pytest.approx((4.0, 1.0))
    assert [c.name for c in part.channels] == ["a", "c"]
    assert part.labels[:5] == ("t1c0z0", "t1c0z1", "t1c2z0", "t1c2z1", "t3c0z0")
    uneven = Selection.parsed(LAYOUT, "", ["T=0,1,5"]).info(info, LAYOUT)
    assert "T" not in uneven.geometry.steps
