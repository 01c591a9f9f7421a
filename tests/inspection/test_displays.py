"""Displays show what they were given, on the axes they were given."""

import subprocess
import sys
from html import escape

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from sklearn.utils import Bunch

from skmultimodal import FusionClassifier, FusionRegressor, Training, inspection
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.inspection import (
    AccuracyCostDisplay,
    ComparisonDisplay,
    CoverageDisplay,
    FusionWeightsDisplay,
    InteractionDisplay,
    MissingModalityDisplay,
    ModalityImportanceDisplay,
    PartsDisplay,
    ReliabilityDisplay,
    RowDisplay,
    TrainingHistoryDisplay,
)
from skmultimodal.inspection._parts import (
    ImageParts,
    SeriesParts,
    SoundParts,
    TableParts,
    TextParts,
)
from skmultimodal.model_selection import compare_fusion


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


@pytest.fixture(scope="module")
def parallel():
    """A parallel fusion of two modalities, with its rows."""
    X, y = make_multimodal_classification(80, n_modalities=2, random_state=0)
    clf = FusionClassifier(
        fusion="parallel",
        random_state=0,
        training=Training(max_epochs=3, early_stopping=True),
    )
    return clf.fit(X, y), X, y


@pytest.fixture(scope="module")
def on_emoji(emoji_small):
    X, y = emoji_small
    return FusionClassifier(random_state=0).fit(X[:150], y[:150])


@pytest.fixture(scope="module")
def on_strikes(birdstrikes_small):
    X, y = birdstrikes_small
    return FusionClassifier(random_state=0).fit(X[:150], y[:150])


@pytest.fixture(scope="module")
def on_digits(digits_small):
    X, y = digits_small
    return FusionClassifier(random_state=0).fit(X[:150], y[:150])


TABLE = pd.DataFrame(
    {
        "kind": ["modality", "strategy", "new kind"],
        "name": ["text", "parallel", "other"],
        "score": [0.7, 0.8, 0.6],
        "sd": [0.1, 0.1, 0.1],
        "fold_0": [0.6, 0.7, 0.5],
        "fold_1": [0.8, 0.9, 0.7],
    }
)
IMPORTANCES = pd.Series({"image": 0.4, "text": -0.1})
PER_ROW = pd.DataFrame({"image": [0.5, 0.3, 0.3], "text": [-0.2, 0.0, np.nan]})
SQUARE = pd.DataFrame([[0.0, 1.0], [1.0, 0.4]], index=["a", "b"], columns=["a", "b"])
CURVES = pd.DataFrame({"p": [0.9, 0.5], "q": [0.8, 0.7]}, index=[0.0, 1.0])
COSTS = pd.DataFrame({"cost": [2, 1], "score": [0.9, 0.7], "threshold": [0.9, 0.5]})
DISPLAYS = [
    FusionWeightsDisplay(pd.DataFrame({"a": [0.4], "b": [0.6]})),
    TrainingHistoryDisplay(pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0]})),
    ReliabilityDisplay(
        {"fused": pd.DataFrame({"confidence": [0.8], "accuracy": [1.0], "count": [4]})}
    ),
    ComparisonDisplay(TABLE),
    ModalityImportanceDisplay(IMPORTANCES, per_row=PER_ROW),
    InteractionDisplay(SQUARE),
    MissingModalityDisplay(CURVES),
    AccuracyCostDisplay(COSTS),
    PartsDisplay(TextParts("a red, red car"), pd.Series([0.1, 2.0, -1.0, 0.0])),
]


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def labels(ax, axis="y"):
    return [tick.get_text() for tick in getattr(ax, f"get_{axis}ticklabels")()]


def overlapping(axes):
    """Return pairs of visible texts that are drawn over each other."""
    axes[0].figure.canvas.draw()
    found = []
    for ax in axes:
        low, high = sorted(ax.get_ylim())
        ticks = ax.yaxis.get_major_ticks()
        shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
        found += [*ax.texts, ax.title, *(shown if ax.axison else [])]
    found = [text for text in found if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in found]
    return [
        (one, other)
        for k, (one, box) in enumerate(boxes)
        for other, other_box in boxes[:k]
        if box.padded(-1).overlaps(other_box.padded(-1))
    ]


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda d: type(d).__name__)
def test_draws_on_the_given_axes(display, ax):
    figures = plt.get_fignums()
    assert display.plot(ax) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert plt.get_fignums() == figures
    assert len(ax.figure.axes) in (1, 2)  # two with a colour bar


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda d: type(d).__name__)
def test_new_figures_have_room_for_their_text(display):
    display.plot()
    assert display.ax_.figure is display.figure_
    assert overlapping(display.figure_.axes) == []


ODD = ("t$\\frac{$", "_<odd>&'")  # half a formula; what HTML and legends leave out


def odd_displays():
    """Return one of every display, with odd names wherever a name can stand."""
    square = pd.DataFrame([[0.0, 1.0], [1.0, 0.4]], index=ODD, columns=ODD)
    curve = pd.DataFrame({"confidence": [0.8], "accuracy": [1.0], "count": [4]})
    cells = {
        ODD[0]: Bunch(kind="text", value=ODD[0], rate=None),
        ODD[1]: Bunch(kind="table", value=pd.Series({ODD[0]: ODD[1]}), rate=None),
    }
    predictions = pd.DataFrame([[0.6, 0.4]] * 3, index=[*ODD, "fused"], columns=ODD)
    table = TABLE.assign(kind=[ODD[0], "strategy", ODD[1]], name=[*ODD, "x"])
    epochs = {"epoch": [1], "train_loss": [1.0]}
    return [
        FusionWeightsDisplay(square),
        TrainingHistoryDisplay(
            pd.DataFrame(epochs | {f"alone_{name}": [0.5] for name in ODD})
        ),
        TrainingHistoryDisplay(
            pd.DataFrame({"modality": ODD, "epoch": [1, 1], "train_loss": [2.0, 1.0]})
        ),
        ReliabilityDisplay(dict.fromkeys(ODD, curve)),
        ComparisonDisplay(table, scoring=ODD[0]),
        ModalityImportanceDisplay(pd.Series([0.4, 0.1], index=ODD)),
        InteractionDisplay(square, label=ODD[0]),
        MissingModalityDisplay(CURVES.set_axis(ODD, axis=1), scoring=ODD[0]),
        AccuracyCostDisplay(COSTS, scoring=ODD[0]),
        RowDisplay(cells, predictions, truth=ODD[1]),
        CoverageDisplay(
            pd.DataFrame({"coverage": 0.9, "size": 1.5, "count": 40}, index=ODD)
        ),
        PartsDisplay(
            TableParts(pd.DataFrame({name: [name] for name in ODD}), None),
            pd.Series([0.1, -0.2], index=ODD),
            label=ODD[0],
        ),
    ]


def test_every_display_is_tried_with_odd_names():
    public = {name for name in inspection.__all__ if name.endswith("Display")}
    assert {type(display).__name__ for display in odd_displays()} == public


@pytest.mark.parametrize("display", odd_displays(), ids=lambda d: type(d).__name__)
def test_names_are_drawn_as_they_are_written(display):
    figure = display.plot().figure_
    figure.canvas.draw()  # where matplotlib fails on half a formula
    shown = " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))
    names = ODD if type(display) is not AccuracyCostDisplay else ODD[:1]
    assert all(name in shown for name in names)


def test_the_page_of_a_comparison_and_the_diagram_keep_odd_names():
    X, y = make_multimodal_classification(40, n_modalities=2, random_state=0)
    X = {name: X[column] for name, column in zip(ODD, X, strict=True)}
    y = np.array(ODD)[y]
    clf = FusionClassifier(
        fusion="parallel", random_state=0, training=Training(max_epochs=1)
    )
    comparison = compare_fusion(
        clf, X, y, strategies=["parallel"], baseline=False, cv=2
    )
    pages = [comparison.to_html(title=ODD[1]), clf.fit(X, y)._repr_html_()]
    for page in pages:
        assert all(escape(name) in page for name in ODD)
        assert "<odd>" not in page
    RowDisplay.from_estimator(clf, X, 0, y).figure_.canvas.draw()


def test_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import pandas as pd\n"
        "from skmultimodal.inspection import InteractionDisplay\n"
        "InteractionDisplay(pd.DataFrame([[1.0]])).plot()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: InteractionDisplay.plot needs matplotlib: "
        "pip install 'skmultimodal[plot]'"
    )


def test_weights_of_one_fit_and_of_several(parallel):
    clf, X, y = parallel
    display = FusionWeightsDisplay.from_estimator(clf)
    assert widths(display.ax_) == list(clf.fusion_weights_.values())
    assert labels(display.ax_) == clf.modalities_
    other = FusionClassifier(random_state=1, training=Training(max_epochs=3)).fit(X, y)
    display = FusionWeightsDisplay.from_estimator([clf, other])
    both = pd.DataFrame([clf.fusion_weights_, other.fusion_weights_])
    assert widths(display.ax_) == both.mean().tolist()
    assert display.ax_.lines[0].get_xdata().tolist() == both["m0"].tolist()
    assert "2 fits" in display.ax_.get_xlabel()


def test_weights_of_what_is_not_fitted():
    with pytest.raises(ValueError, match="call fit first"):
        FusionWeightsDisplay.from_estimator(FusionClassifier())


def test_history_of_joint_training(parallel):
    clf = parallel[0]
    display = TrainingHistoryDisplay.from_estimator(clf)
    train, valid, best = display.ax_.lines
    assert train.get_ydata().tolist() == clf.history_["train_loss"].tolist()
    assert valid.get_ydata().tolist() == clf.history_["valid_loss"].tolist()
    assert best.get_ydata() == [clf.history_["valid_loss"].min()]
    m0, m1 = display.contribution_ax_.lines
    assert m0.get_ydata().tolist() == clf.history_["alone_m0"].tolist()
    assert m1.get_label() == "m1"
    assert overlapping(display.figure_.axes) == []


def test_history_of_models_trained_apart(ax):
    history = pd.DataFrame(
        {"modality": ["", "a", "a"], "epoch": [1, 1, 2], "train_loss": [3.0, 2.0, 1.0]}
    )
    TrainingHistoryDisplay(history).plot(ax)
    assert legend(ax) == ["fused train", "a train"]
    assert ax.lines[1].get_ydata().tolist() == [2.0, 1.0]


def test_colours_go_by_the_order_of_modalities(birdstrikes_small):
    X, y = birdstrikes_small
    staged = FusionClassifier(
        fusion="parallel", random_state=0, training=Training("staged", max_epochs=1)
    ).fit(X[["height", "speed", "text"]], y)
    display = TrainingHistoryDisplay.from_estimator(staged)
    lines = [*display.ax_.lines, *display.contribution_ax_.lines]
    colours = {line.get_label().split()[0]: line.get_color() for line in lines}
    assert list(colours) == ["fused", *staged.modalities_]
    assert {line.get_color() for line in lines} == set(colours.values())
    assert len(set(colours.values())) == 3


def test_history_without_epochs(on_emoji):
    with pytest.raises(ValueError, match="trained by epochs"):
        TrainingHistoryDisplay.from_estimator(on_emoji)


def test_reliability_by_hand():
    proba = np.array([[0.95, 0.05], [0.85, 0.15], [0.25, 0.75], [0.2, 0.8]])
    alone = proba[:, ::-1].copy()
    alone[0] = np.nan
    display = ReliabilityDisplay.from_predictions(
        ["a", "b", "b", "a"], {"text": alone, "fused": proba}, n_bins=5
    )
    # confidences .95, .85, .75, .8 fall into the bins [.8, 1] and [.6, .8)
    fused = display.curves["fused"]
    np.testing.assert_allclose(fused["confidence"], [0.75, 2.6 / 3])
    np.testing.assert_allclose(fused["accuracy"], [1, 1 / 3])
    assert fused["count"].tolist() == [1, 3]
    ece = (0.25 * 1 + (2.6 / 3 - 1 / 3) * 3) / 4
    assert display.ece["fused"] == pytest.approx(ece)
    assert display.curves["text"]["count"].sum() == 3  # the absent row is left out
    assert legend(display.ax_)[-1] == f"fused, ECE {ece:.2f}"
    assert display.count_ax_.lines[1].get_ydata().tolist() == [1, 3]


def test_reliability_of_an_estimator(parallel):
    clf, X, y = parallel
    display = ReliabilityDisplay.from_estimator(clf, X, y, n_bins=4)
    assert list(display.curves) == ["m0", "m1", "fused"]
    fused = display.curves["fused"]
    right = (fused["accuracy"] * fused["count"]).sum() / len(y)
    assert right == pytest.approx(clf.score(X, y))


@pytest.mark.parametrize(
    ("proba", "message"), [(np.ones((2, 3)), "rows and classes"), (np.ones(2), "shape")]
)
def test_reliability_of_wrong_shapes(proba, message):
    with pytest.raises(ValueError, match=message):
        ReliabilityDisplay.from_predictions([0, 1], proba)


def test_reliability_needs_probabilities():
    with pytest.raises(TypeError, match="expected a classifier"):
        ReliabilityDisplay.from_estimator(FusionRegressor(), None, None)


def test_comparison(ax):
    display = ComparisonDisplay(TABLE, scoring="accuracy").plot(ax)
    assert labels(ax) == ["other", "parallel", "text"]  # the first one on top
    assert legend(ax) == ["one modality", "fusion strategy", "new kind"]
    shown = {line.get_xdata()[0] for line in ax.lines}
    assert set(TABLE[["score", "fold_0", "fold_1"]].to_numpy().ravel()) <= shown
    assert display.ax_.get_xlabel().startswith("accuracy")


def test_comparison_of_an_estimator(parallel, ax):
    clf, X, y = parallel
    compare_fusion(
        clf, X, y, strategies=["parallel"], modalities=False, baseline=False, cv=2
    ).plot(ax)
    assert labels(ax) == ["parallel"]


def test_importance_bars(ax):
    std = pd.Series({"text": 0.02, "image": 0.1})
    ModalityImportanceDisplay(IMPORTANCES, std=std).plot(ax)
    assert widths(ax) == [0.4, -0.1]
    assert len({bar.get_facecolor() for bar in ax.patches}) == 2  # helps, hurts
    whiskers = ax.collections[0].get_segments()
    np.testing.assert_allclose(np.diff(whiskers, axis=1)[:, 0, 0], [0.2, 0.04])


@pytest.mark.parametrize("color", ["sign", "value"])
def test_importance_of_rows(ax, color):
    display = ModalityImportanceDisplay(IMPORTANCES, per_row=PER_ROW)
    display.plot(ax, kind="beeswarm", color=color)
    image, text = (dots.get_offsets() for dots in ax.collections)
    assert image[:, 0].tolist() == [0.5, 0.3, 0.3]
    assert image[1, 1] != image[2, 1]  # equal values do not hide each other
    assert text[:, 0].tolist() == [-0.2, 0.0]
    assert (abs(text[:, 1] - 1) <= 0.4).all()


def test_importance_of_rows_needs_them():
    with pytest.raises(ValueError, match="per_row"):
        ModalityImportanceDisplay(IMPORTANCES).plot(kind="beeswarm")
    with pytest.raises(ValueError, match="'kind' must be one of"):
        ModalityImportanceDisplay(IMPORTANCES).plot(kind="pie")


def test_interactions(ax):
    InteractionDisplay(SQUARE).plot(ax, values_format=".1f")
    assert texts(ax) == ["0.0", "1.0", "1.0", "0.4"]
    inks = [text.get_color() for text in ax.texts]
    assert inks == ["black", "white", "white", "black"]
    np.testing.assert_array_equal(ax.images[0].get_array(), SQUARE)


def test_negative_interactions_are_centred(ax):
    table = SQUARE.mask(np.eye(2, dtype=bool)) - 1.5
    InteractionDisplay(table).plot(ax)
    assert texts(ax) == ["-0.50", "-0.50"]  # NaN stays blank
    assert ax.images[0].get_clim() == (-0.5, 0.5)


def test_missing_modalities(ax):
    display = MissingModalityDisplay(CURVES, areas={"p": 0.7, "q": 0.75}).plot(ax)
    assert legend(ax) == ["p, area 0.700", "q, area 0.750"]
    assert ax.lines[0].get_xdata().tolist() == [0.0, 1.0]
    assert ax.lines[1].get_ydata().tolist() == [0.8, 0.7]
    assert display.curves is CURVES


def test_accuracy_and_cost(ax):
    AccuracyCostDisplay(COSTS).plot(ax)
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    assert texts(ax) == ["0.5", "0.9"]


@pytest.mark.parametrize(
    ("fitted", "rows", "kinds"),
    [
        ("on_emoji", "emoji_small", ["image", "text"]),
        ("on_strikes", "birdstrikes_small", ["text", "table"]),
        ("on_digits", "digits_small", ["image", "audio", "text"]),
    ],
)
def test_a_row_of_real_data(fitted, rows, kinds, request):
    clf, (X, y) = request.getfixturevalue(fitted), request.getfixturevalue(rows)
    display = RowDisplay.from_estimator(clf, X, -1, y)
    assert [cell.kind for cell in display.cells.values()] == kinds
    proba = clf.predict_proba(X[-1:])[0]
    np.testing.assert_allclose(display.predictions.loc["fused"], proba)
    fused = display.ax_[-1, 1]
    assert max(widths(fused)) == pytest.approx(proba.max())
    bold = [t.get_text() for t in fused.get_yticklabels() if t.get_weight() == "bold"]
    assert bold == [str(y.iloc[-1])]
    assert texts(display.ax_[-1, 0]) == [
        f"prediction: {clf.predict(X[-1:])[0]}\ntrue: {y.iloc[-1]}"
    ]
    assert overlapping(list(display.ax_.ravel())) == []


@pytest.mark.filterwarnings("ignore:X has rows whose present modalities")
def test_an_absent_modality_is_said_so(on_digits, digits_small):
    X, _ = digits_small
    X = X[:3].astype({"text": object}).copy()
    X.loc[1, "text"] = None
    display = RowDisplay.from_estimator(on_digits, X, 1)
    left, right = display.ax_[2]
    assert texts(left) == ["absent from this row"]
    assert texts(right) == ["prediction: absent"]
    with pytest.warns(UserWarning, match="no column"):
        display = RowDisplay.from_estimator(on_digits, X.drop(columns="audio"), 0)
    assert display.cells["audio"].kind == "absent"


def test_a_sound_is_drawn_in_seconds(on_digits, digits_small):
    X, _ = digits_small
    display = RowDisplay.from_estimator(on_digits, X, 0)
    line = display.ax_[1, 0].lines[0]
    assert len(line.get_xdata()) == len(X["audio"][0])
    assert line.get_xdata()[-1] == pytest.approx((len(X["audio"][0]) - 1) / 8000)
    assert display.ax_[1, 0].get_xlabel() == "seconds"


def test_long_text_is_wrapped_and_cut(on_strikes, birdstrikes_small):
    X = birdstrikes_small[0][:2].copy()
    X.loc[0, "text"] = "COSTS $5 $6 " * 50
    display = RowDisplay.from_estimator(on_strikes, X, 0)
    (text,) = texts(display.ax_[0, 0])
    lines = text.splitlines()
    assert len(lines) == 5
    assert text.endswith("…")
    assert max(map(len, lines)) <= 36
    assert overlapping(list(display.ax_.ravel())) == []


def test_a_row_takes_the_place_of_an_axes(on_emoji, emoji_small):
    figure, (left, right) = plt.subplots(1, 2)
    display = RowDisplay.from_estimator(on_emoji, emoji_small[0], 0, ax=right)
    assert display.figure_ is figure
    assert not right.axison
    assert left.axison
    assert display.ax_[0, 0].get_position().x0 > left.get_position().x1


def test_a_row_of_a_regression():
    X, y = make_multimodal_regression(60, random_state=0)
    reg = FusionRegressor(random_state=0, training=Training(max_epochs=3)).fit(X, y)
    display = RowDisplay.from_estimator(reg, X, 2, y)
    assert display.of_values
    fused = display.ax_[-1, 1]
    assert widths(fused) == [pytest.approx(reg.predict(X)[2])]
    (truth,) = fused.collections
    assert truth.get_segments()[0][0, 0] == pytest.approx(y[2])


def test_a_row_that_does_not_exist(on_emoji, emoji_small):
    with pytest.raises(ValueError, match=r"below 200\. Got 200"):
        RowDisplay.from_estimator(on_emoji, emoji_small[0], 200)


def test_words_are_written_in_their_order_and_coloured_by_what_they_add():
    text = "one two, three\nfour"
    values = pd.Series([0.5, -1.0, 0.0, 1.0], index=["one", "two", "three", "four"])
    ax = PartsDisplay(TextParts(text), values).plot().ax_
    assert texts(ax) == ["one", "two", ",", "three", "four"]
    assert overlapping([ax]) == []
    boxes = {text.get_text(): text.get_bbox_patch() for text in ax.texts}
    assert boxes[","] is None
    shades = {w: boxes[w].get_facecolor() for w in ("one", "two", "three", "four")}
    assert shades["three"][3] == 0
    assert shades["one"][:3] == shades["four"][:3] != shades["two"][:3]
    assert shades["two"][3] == shades["four"][3] == pytest.approx(2 * shades["one"][3])


def test_long_texts_are_cut_and_short_of_room_end_in_dots(ax):
    words = [f"word{k}" for k in range(150)]
    parts = TextParts(" ".join(words))
    assert len(parts.labels) == 64
    assert " ".join(parts.labels) == " ".join(words)
    kept = parts.kept(np.eye(64, dtype=bool)[:2])
    assert list(kept) == [parts.segments[0], parts.segments[1]]
    ax.figure.set_size_inches(2, 1)
    PartsDisplay(parts, pd.Series(np.ones(64), parts.labels)).plot(ax)
    assert ax.texts[-1].get_text() == "…"


def test_bands_and_patches_are_where_the_parts_are(ax):
    wave = SoundParts(np.zeros(8000, dtype=np.float32), None, 1000, 4, False)
    assert wave.labels[1] == "2.00-4.00 s"
    PartsDisplay(wave, pd.Series([0, 1, 0, -0.5], wave.labels)).plot(ax)
    edges = [bar.get_extents().x0 for bar in ax.patches]
    ends = ax.transData.transform([(x, 0) for x in (0, 2, 4, 6)])[:, 0]
    np.testing.assert_allclose(edges, ends)
    image = ImageParts(np.full((4, 4, 3), 128, np.uint8), (2, 2), None, False)
    ax = PartsDisplay(image, pd.Series([0, 1, -1, 0], image.labels)).plot().ax_
    pixels = np.asarray(ax.images[0].get_array()).reshape(2, 2, 2, 2, 3)
    shades = pixels[:, 0, :, 0].reshape(4, 3).astype(int)
    assert np.ptp(shades[[0, 3]], axis=1).max() == 0  # grey: adds nothing
    assert shades[1, 2] > shades[1, 0]  # blue for
    assert shades[2, 0] > shades[2, 2]  # vermillion against
    series = SeriesParts(np.arange(12.0).reshape(6, 2), 3, False)
    ax = PartsDisplay(series, pd.Series([1, 0, -1], series.labels)).plot().ax_
    assert len(ax.patches) == 3


def test_the_page_of_a_row_shows_whatever_cells_hold_as_text(tmp_path):
    bad = "<script>alert('1')</script> & \"red\""
    notes = [f"{bad if k % 2 == 0 else 'a blue car'} number {k}" for k in range(30)]
    X = pd.DataFrame({"note": notes, "<b>": [1.0, 2.0] * 15})
    X["kind"] = [bad, "x"] * 15
    y = np.array([bad, "no"] * 15)
    clf = FusionClassifier(random_state=0).fit(X, y)
    found = inspection.explain_row(
        clf, X[:1], y[:1], background=X, background_y=y, random_state=0
    )
    page = found.to_html(tmp_path / "row.html", title=bad)
    assert (tmp_path / "row.html").read_text(encoding="utf-8") == page
    assert "<script" not in page
    assert "<b>:" not in page
    assert page.count(escape("alert('1')")) >= 6  # title, labels, neighbours
    assert len(found.neighbours_) == 3
    assert found.neighbours_[0]["distance"] == pytest.approx(0)  # the row itself
    assert found.neighbours_[0]["truth"] == bad
    assert found.plot().ax_.shape == (3, 2)


def test_the_page_of_a_row_with_image_sound_and_gaps(on_digits, digits_small):
    X = digits_small[0][:1].assign(text=[None])
    found = inspection.explain_row(
        on_digits, X, windows=4, grid=(2, 2), background=digits_small[0][:20]
    )
    assert found.modalities_["text"] == 0
    page = found.to_html()
    assert page.count("data:image/png;base64,") == 4
    assert page.count("<svg") == 4
    assert page.count("<rect") == 4
    assert '<span class="absent">absent</span>' in page
    total = sum(values.sum() for values in found.parts_.values())
    assert total == pytest.approx(found.full_ - found.base_)
    with pytest.raises(ValueError, match=r"explain_row expected one row.*Got 2 rows"):
        inspection.explain_row(on_digits, digits_small[0][:2])
