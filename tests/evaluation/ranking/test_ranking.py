"""Blind ranking: the session on disk, and the statistics against scipy's."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, spearmanr
from scipy.stats import t as students_t

from napari_sr.errors import ImageError
from napari_sr.evaluation.comparison import ComparisonProgress, Region
from napari_sr.evaluation.ranking.patches import iter_ranking
from napari_sr.evaluation.ranking.ranks import agreement, kendall_w, mean_ranks, summary
from napari_sr.evaluation.ranking.session import REFERENCE, Answer, Question, Session
from napari_sr.images.grid import Grid, GridImage

METHODS = ("bicubic", "dfcan", "wgan")


@pytest.fixture
def session(tmp_path, rng):
    questions = [Question("cells", 0, 10 * n, 20, 16) for n in range(4)]
    pictures = {(n, name): rng.normal(size=(16, 16)) for n in range(4) for name in (REFERENCE, *METHODS)}
    made = Session.create(tmp_path / "ranking", methods=METHODS, questions=questions, pictures=pictures, seed=3)
    made.given = pictures
    return made


def test_a_session_is_there_again_with_its_answers(session):
    session.answer(Answer("Ada", 0, ("wgan", "dfcan", "bicubic")))
    session.answer(Answer("Ada", 1, ("dfcan", "wgan", "bicubic")))
    session.answer(Answer("Bob", 0, ("dfcan", "wgan", "bicubic")))
    session.answer(Answer("Ada", 0, ("dfcan", "bicubic", "wgan")))  # she has changed her mind
    again = Session(session.folder)
    assert again.questions == session.questions
    assert set(again.of("Ada")) == {0, 1}
    assert again.of("Ada")[0].order == ("dfcan", "bicubic", "wgan")
    assert len(again.answers()) == 3
    for (number, name), image in session.given.items():
        np.testing.assert_array_equal(again.picture(number, name), image)
    rows = list(csv.reader(io.StringIO(again.to_csv())))
    assert rows[0] == ["rater", "image", "plane", "row", "column", "side", *METHODS]
    assert ["Ada", "cells", "0", "0", "20", "16", "2", "1", "3"] in rows


def test_nothing_on_disk_tells_which_picture_is_whose(session):
    # beside the session file, which a rater has no reason to open
    names = [*np.load(session.folder / "pictures.npz").keys(), *(p.name for p in session.folder.iterdir())]
    assert not any(method in name for name in names for method in METHODS)


def test_pictures_are_shuffled_anew_for_every_patch_and_person_and_alike_when_reopened(tmp_path):
    questions = [Question("cells", 0, 0, 0, 8)] * 300
    pictures = {(n, name): np.zeros((1, 1)) for n in range(300) for name in (REFERENCE, *METHODS)}
    made = Session.create(tmp_path, methods=METHODS, questions=questions, pictures=pictures)
    orders = [made.shown("Ada", n) for n in range(300)]
    assert orders == [Session(tmp_path).shown("Ada", n) for n in range(300)]
    assert orders != [made.shown("Bob", n) for n in range(300)]
    for place in range(3):  # each is seen at each place about as often: 100 ± 5 standard deviations
        for method in METHODS:
            assert abs(sum(order[place] == method for order in orders) - 100) < 5 * np.sqrt(300 * 2 / 9)


def test_what_is_wrong_with_a_session_is_said(session, tmp_path):
    with pytest.raises(ImageError, match="holds no blind ranking"):
        Session(tmp_path)
    with pytest.raises(ImageError, match="holds a ranking already"):
        Session.create(session.folder, methods=METHODS, questions=[], pictures={})
    with pytest.raises(ImageError, match="at least two images"):
        Session.create(tmp_path / "b", methods=["a"], questions=[], pictures={})
    with pytest.raises(ImageError, match="names of their own"):
        Session.create(tmp_path / "b", methods=["a", "a"], questions=[], pictures={})
    with pytest.raises(ImageError, match="every image once"):
        session.answer(Answer("Ada", 0, ("wgan", "wgan", "dfcan")))
    (session.folder / "answers-00000000.json").write_text('{"rater": "Eve", "answers": {"0": ["x"]}}')
    with pytest.raises(ImageError, match="does not belong"):
        session.answers()
    (session.folder / "answers-00000000.json").write_text("{")
    with pytest.raises(ImageError, match="cannot be read"):
        session.answers()
    (session.folder / "session.json").write_text(json.dumps({"methods": 3}))
    with pytest.raises(ImageError, match="cannot be read"):
        Session(session.folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match="cannot be written"):
        Session.create(tmp_path / "file" / "x", methods=METHODS, questions=[], pictures={})


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(3, 7), st.integers(0, 10_000))
def test_agreement_is_that_of_friedmans_test_and_of_spearmans_correlations(raters, things, seed):
    rng = np.random.default_rng(seed)
    found = np.array([rng.permutation(things) + 1 for _ in range(raters)])
    w = kendall_w(found)
    assert friedmanchisquare(*found.T).statistic == pytest.approx(raters * (things - 1) * w, abs=1e-9)
    pairs = [spearmanr(found[i], found[j]).statistic for i in range(raters) for j in range(i)]
    assert (raters * w - 1) / (raters - 1) == pytest.approx(np.mean(pairs), abs=1e-9)


def test_agreement_of_the_same_and_of_opposite_orders():
    order = np.array([1, 2, 3, 4])
    assert kendall_w(np.array([order, order, order])) == 1
    assert kendall_w(np.array([order, order[::-1]])) == 0
    with pytest.raises(ImageError, match="at least two answers"):
        kendall_w(order[None])


def test_mean_ranks_and_their_intervals(session):
    assert summary(session) == "Nobody has answered yet."
    orders = [("wgan", "dfcan", "bicubic"), ("dfcan", "wgan", "bicubic"), ("wgan", "dfcan", "bicubic")]
    answers = [Answer("Ada", n, order) for n, order in enumerate(orders)]
    rows = mean_ranks(answers, METHODS)
    assert [row.method for row in rows] == ["wgan", "dfcan", "bicubic"]
    assert rows[0].mean == pytest.approx(4 / 3)
    low, high = students_t.interval(0.95, 2, loc=4 / 3, scale=np.std([1, 2, 1], ddof=1) / np.sqrt(3))
    assert rows[0].interval == pytest.approx((max(1, low), high))
    assert rows[2].interval == (3, 3)
    assert mean_ranks(answers[:1], METHODS)[0].interval is None
    assert agreement(answers[:1], METHODS) is None
    shared = [*answers, Answer("Bob", 0, orders[0]), Answer("Bob", 1, orders[1][::-1])]
    found = agreement(shared, METHODS)
    # on patch 0 both agree, on patch 1 they are opposite
    assert found.between_raters == pytest.approx(0.5)
    expected = friedmanchisquare(*np.array([[a.rank(m) for m in METHODS] for a in shared]).T)
    assert found.p_value == pytest.approx(expected.pvalue)
    for answer in shared:
        session.answer(answer)
    text = summary(session)
    assert "| wgan |" in text.splitlines()[2]
    assert "5 answers of 2 people." in text
    assert "between people on the same patch 0.50" in text


def stack_of(name, image):
    return GridImage(name, image.data, image.axes)


def cut(folder, *images, **settings):
    *before, last = iter_ranking(folder, *images, **settings)
    assert all(isinstance(event, ComparisonProgress) for event in before)
    return last


def test_patches_are_cut_from_the_same_place_of_all_images(tmp_path, rng):
    hr = rng.normal(size=(3, 120, 140)).astype(np.float32)
    moved = GridImage("moved", hr[:, 10:, 20:] * 2, "ZYX", Grid(offset=(10.0, 20.0)))
    plain = GridImage("plain", hr + 1, "ZYX")
    made = cut(tmp_path / "a", GridImage("hr", hr, "ZYX"), [moved, plain], count=5, side=32, seed=4)
    assert made.methods == ("moved", "plain")
    assert len(made.questions) == 5
    assert len({(q.row, q.column) for q in made.questions}) == 5
    for number, q in enumerate(made.questions):
        assert q.row >= 10
        assert q.column >= 20
        expected = hr[q.plane, q.row : q.row + 32, q.column : q.column + 32]
        np.testing.assert_allclose(made.picture(number, REFERENCE), expected, atol=1e-6)
        np.testing.assert_allclose(made.picture(number, "moved"), 2 * expected, atol=1e-5)
        np.testing.assert_allclose(made.picture(number, "plain"), expected + 1, atol=1e-5)


def test_chosen_places_densities_and_empty_ground(tmp_path, rng):
    hr = np.zeros((200, 200), np.float32)
    hr[:60, :60] = rng.uniform(1, 10, size=(60, 60))
    images = GridImage("hr", hr, "YX"), [GridImage("a", hr, "YX"), GridImage("b", hr, "YX")]
    # at random, places with nothing in them are avoided
    for q in cut(tmp_path / "a", *images, count=8, side=24).questions:
        assert hr[q.row : q.row + 24, q.column : q.column + 24].std() > 0
    chosen = [Region("1", slice(20, 40), slice(0, 10)), Region("2", slice(190, 200), slice(90, 110))]
    made = cut(tmp_path / "b", *images, side=24, chosen=chosen, density=True)
    assert [(q.row, q.column) for q in made.questions] == [(18, 0), (176, 88)]
    np.testing.assert_allclose(made.picture(0, "a"), np.log10(hr[18:42, :24] + 0.02), rtol=1e-5)
    stack = GridImage("stack", np.stack([hr, hr + 5, hr * 2]), "ZYX")
    deep = cut(tmp_path / "d", stack, [images[1][0], stack_of("x", stack)], side=24, chosen=chosen, plane=2)
    assert [q.plane for q in deep.questions] == [2, 2]
    np.testing.assert_allclose(deep.picture(0, REFERENCE), 2 * hr[18:42, :24], rtol=1e-5)
    # images in other units are fitted when that is wanted
    other = GridImage("other", hr / 1000 + 7, "YX")
    fitted = cut(tmp_path / "e", images[0], [images[1][0], other], side=24, chosen=chosen[:1], match=True)
    np.testing.assert_allclose(fitted.picture(0, "other"), hr[18:42, :24], atol=2e-3)
    with pytest.raises(ImageError, match="too small for patches of 300"):
        cut(tmp_path / "c", *images, side=300)
    away = GridImage("away", hr, "YX", Grid(offset=(1e4, 0.0)))
    with pytest.raises(ImageError, match="away and hr do not overlap"):
        cut(tmp_path / "c", images[0], [away, images[1][0]], side=10)
    deep = GridImage("deep", hr[None].repeat(2, 0), "ZYX")
    with pytest.raises(ImageError, match="as many planes"):
        cut(tmp_path / "c", images[0], [deep, images[1][0]], side=10)
