"""Evidential fusion against the pairwise rule, scipy and arithmetic by hand."""

import pickle
from functools import reduce

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import dirichlet

from skmultimodal import (
    EvidentialFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion._evidential import (
    combine_evidence,
    conflict,
    divergence_from_uniform,
)
from skmultimodal.training._net import seeded
from tests.parameters import module_of

WIDTHS = {"a": 4, "b": 3, "c": 2}
N_ROWS, N_OUTPUTS = 6, 4


def evidence(scale=5.0, n_modalities=3):
    rng = np.random.RandomState(0)
    values = scale * rng.exponential(size=(N_ROWS, n_modalities, N_OUTPUTS))
    return torch.tensor(values)


def everyone(pieces):
    return torch.ones(pieces.shape[:2], dtype=pieces.dtype)


def pairwise_dempster(first, second):
    """Return the reduced Dempster combination of two evidences, (n, n_outputs)."""
    n_outputs = first.shape[1]
    beliefs, ignorance = [], []
    for piece in (first, second):
        total = piece.sum(1, keepdims=True) + n_outputs
        beliefs.append(piece / total)
        ignorance.append(n_outputs / total)
    (b1, b2), (u1, u2) = beliefs, ignorance
    clash = b1.sum(1) * b2.sum(1) - (b1 * b2).sum(1)
    share = 1 / (1 - clash[:, None])
    belief = share * (b1 * b2 + b1 * u2 + b2 * u1)
    return belief * n_outputs / (share * u1 * u2)


def test_dempster_equals_the_pairwise_rule():
    pieces = evidence()
    expected = reduce(pairwise_dempster, pieces.numpy().transpose(1, 0, 2))
    fused = combine_evidence(pieces, everyone(pieces), "dempster")
    np.testing.assert_allclose(fused.numpy(), expected, rtol=1e-10)


def test_dempster_keeps_the_odds_of_very_strong_evidence():
    pieces = torch.tensor([[[1500.0, 1000.0]] * 8, [[1e6, 10.0]] * 8])
    fused = combine_evidence(pieces, everyone(pieces), "dempster")
    odds = fused[:, 0] / fused[:, 1]
    assert torch.isfinite(fused).all()
    # (1 + 1500 / 2)^8 / (1 + 1000 / 2)^8
    torch.testing.assert_close(
        odds[0], torch.tensor((751 / 501) ** 8), rtol=1e-4, atol=0
    )
    assert odds[1] > 1e20


@pytest.mark.parametrize("rule", ["dempster", "cumulative", "average", "weighted"])
def test_order_changes_nothing_and_no_evidence_is_neutral(rule):
    pieces = evidence()
    fused = combine_evidence(pieces, everyone(pieces), rule)
    shuffled = combine_evidence(pieces[:, [2, 0, 1]], everyone(pieces), rule)
    torch.testing.assert_close(shuffled, fused)
    absent = pieces.clone()
    absent[:, 1] = 0
    mask = everyone(pieces)
    mask[:, 1] = 0
    without = combine_evidence(pieces[:, [0, 2]], mask[:, [0, 2]], rule)
    torch.testing.assert_close(combine_evidence(absent, mask, rule), without)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("dempster", [10.0, 2.0]),  # 2 (2 * 3 - 1), 2 (1 * 2 - 1)
        ("cumulative", [6.0, 2.0]),
        ("average", [3.0, 1.0]),
        # knows 2/4 and 6/8: (.5 * 2 + .75 * 4) / 1.25, .75 * 2 / 1.25
        ("weighted", [3.2, 1.2]),
    ],
)
def test_rules_by_hand(rule, expected):
    pieces = torch.tensor([[[2.0, 0.0], [4.0, 2.0]]])
    fused = combine_evidence(pieces, everyone(pieces), rule)
    torch.testing.assert_close(fused, torch.tensor([expected]))


def test_strong_evidence_of_many_modalities_stays_finite():
    pieces = torch.full((1, 8, 3), 1e6, requires_grad=True)
    log_alpha = combine_evidence(pieces, everyone(pieces), "dempster").log1p()
    (log_alpha.exp().sum().lgamma() - log_alpha[0, 0]).backward()
    assert torch.isfinite(log_alpha).all()
    assert torch.isfinite(pieces.grad).all()


def test_divergence_equals_entropy_difference():
    alpha = np.array([[1.0, 1.0, 1.0], [3.0, 1.5, 8.0]])
    flat = dirichlet.entropy([1.0, 1.0, 1.0])
    # KL to a constant density is the difference of the entropies
    expected = [flat - dirichlet.entropy(row) for row in alpha]
    found = divergence_from_uniform(torch.tensor(alpha))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_conflict_is_that_of_the_reference_over_the_modalities():
    """Written as in the code of Xu et al. (2024), modality after modality."""
    alpha = evidence().numpy() + 1
    total = alpha.sum(axis=2)
    proba, ignorance = alpha / total[:, :, None], alpha.shape[2] / total
    n_modalities, theirs = alpha.shape[1], 0.0
    for i in range(n_modalities):
        gaps = np.abs(proba - proba[:, [i]]).sum(axis=2) / 2 / (n_modalities - 1)
        theirs = theirs + (gaps * (1 - ignorance[:, [i]]) * (1 - ignorance)).sum(axis=1)
    ours = conflict(torch.tensor(alpha).log(), everyone(evidence()))
    np.testing.assert_allclose(ours, theirs / n_modalities, rtol=1e-9)


def test_conflict_by_hand():
    # p = (.75, .25), (.25, .75), ignorance 2/4 each: .5 * 1 * .5 * .5
    alpha = torch.tensor([[[3.0, 1.0], [1.0, 3.0], [5.0, 1.0]]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    torch.testing.assert_close(conflict(alpha.log(), mask), torch.tensor([0.125]))
    alone = torch.tensor([[1.0, 0.0, 0.0]])
    assert conflict(alpha.log(), alone).item() == 0


def build(aux_weight="auto", **params):
    with seeded(0):
        spec = EvidentialFusion(**params)
        return module_of(spec, WIDTHS, N_OUTPUTS, aux_weight=aux_weight)


def embeddings():
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(N_ROWS, d, generator=generator) for k, d in WIDTHS.items()}


def some_present():
    mask = torch.ones(N_ROWS, 3, dtype=bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = mask[3, :2] = False
    mask[4] = False
    return mask


def zeroed(inputs, present):
    return {
        name: torch.where(present[:, m, None], value, 0.0)
        for m, (name, value) in enumerate(inputs.items())
    }


def expected_loss(alpha, target, share):
    """Return the loss of Dirichlet parameters (n_outputs,), by integration of scipy."""
    from scipy.special import digamma

    wrong = alpha.copy()
    wrong[target] = 1
    divergence = dirichlet.entropy(np.ones(len(alpha))) - dirichlet.entropy(wrong)
    return digamma(alpha.sum()) - digamma(alpha[target]) + share * divergence


@pytest.mark.parametrize("pseudo_view", [False, True])
def test_loss_against_scipy(pseudo_view):
    module = build(pseudo_view=pseudo_view, annealing_epochs=10).double()
    module.on_epoch(3)
    present = some_present()
    inputs = {k: v.double() for k, v in zeroed(embeddings(), present).items()}
    output = module(inputs, present)._replace(present=present)
    target = torch.tensor([0, 1, 2, 3, 0, 1])
    alpha = output.scores.exp().detach().numpy()
    branches = output.branch_scores.exp().detach().numpy()
    expected = np.array(
        [expected_loss(alpha[i], t, 0.3) for i, t in enumerate(target.tolist())]
    )
    joined = torch.cat(list(inputs.values()), 1)
    for i, t in enumerate(target.tolist()):
        for m in np.flatnonzero(present[i].numpy()):
            expected[i] += expected_loss(branches[i, m], t, 0.3)
        if pseudo_view:
            pseudo = torch.nn.functional.softplus(module.pseudo(joined[i])).detach()
            pseudo = pseudo.numpy() * float(present[i].any())
            expected[i] += expected_loss(pseudo + 1, t, 0.3)
    losses = module.loss(output, target, None).detach()
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-9)


def test_held_out_loss_counts_the_whole_penalty():
    module, target = build(annealing_epochs=10), torch.zeros(N_ROWS, dtype=int)
    output = module(embeddings())
    module.on_epoch(10)
    whole = module.loss(output, target, None)
    module.on_epoch(1)
    assert (module.loss(output, target, None) < whole).all()
    torch.testing.assert_close(module.eval().loss(output, target, None), whole)


def test_uncertainty_sums_to_one_and_is_ignorance_where_nothing_is_present():
    module, present = build(pseudo_view=True).eval(), some_present()
    output = module(zeroed(embeddings(), present), present)._replace(present=present)
    parts = module.uncertainty(output)
    total = parts["belief"].sum(1) + parts["ignorance"]
    torch.testing.assert_close(total, torch.ones(N_ROWS))
    assert parts["ignorance"][4] == 1
    assert parts["conflict"][3] == parts["conflict"][4] == 0
    assert (parts["conflict"][[0, 1, 2, 5]] > 0).all()


def test_given_weights_scale_evidence():
    inputs = embeddings()
    fixed = build(rule="cumulative", weights={"a": 1, "b": 2, "c": 0}, aux_weight=0)
    equal = build(rule="cumulative")
    pieces = equal(inputs).branch_scores.expm1()
    expected = (pieces * torch.tensor([1.0, 2.0, 0.0])[:, None]).sum(1)
    torch.testing.assert_close(fixed(inputs).scores.expm1(), expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"weights": "learned", "conflict_weight": 0.5},
        {"pseudo_view": True, "rule": "weighted"},
        {"rule": "average", "aux_weight": 0.0},
        {"rule": "cumulative", "annealing_epochs": 0},
    ],
    ids=str,
)
def test_every_parameter_gets_a_gradient(params):
    module, present = build(**params), some_present()
    output = module(zeroed(embeddings(), present), present)._replace(present=present)
    module.loss(output, torch.tensor([0, 1, 2, 3, 0, 1]), None).sum().backward()
    for name, parameter in module.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.fixture(scope="module")
def fitted():
    X, y = make_multimodal_classification(
        400, n_modalities=3, n_classes=3, class_sep=[2, 2, 2], random_state=0
    )
    encoders = [(name, TabularEncoder((16,), 16)) for name in X]
    clf = FusionClassifier(
        encoders,
        "evidential",
        random_state=0,
        training=Training(lr=0.01, max_epochs=15),
    )
    return clf.fit(X[:300], y[:300]), X[300:], y[300:]


def test_ignorance_grows_as_modalities_go(fitted):
    clf, X, y = fitted
    assert clf.score(X, y) > 0.9
    assert clf.fusion_.net.module_.fusion.epoch == 15
    before = clf.uncertainty(X)
    part = {name: np.full_like(X[name], np.nan) for name in X} | {"m0": X["m0"]}
    after = clf.uncertainty(part)
    assert (after.ignorance >= before.ignorance).all()
    assert (after.conflict == 0).all()
    nothing = clf.uncertainty({name: np.full_like(X[name], np.nan) for name in X})
    np.testing.assert_array_equal(nothing.ignorance, 1)
    np.testing.assert_array_equal(nothing.belief, 0)
    np.testing.assert_allclose(before.belief.sum(1) + before.ignorance, 1, rtol=1e-5)
    np.testing.assert_allclose(
        softmax(clf.decision_function(X), axis=1), clf.predict_proba(X), rtol=1e-5
    )


def test_modalities_that_disagree_are_in_conflict(fitted):
    clf, X, _ = fitted
    mixed = {name: X[name][::-1] if name == "m1" else X[name] for name in X}
    before, after = clf.uncertainty(X).conflict, clf.uncertainty(mixed).conflict
    assert after.mean() > 2 * before.mean()


def test_pickle_and_staged_training(fitted):
    clf, X, y = fitted
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        again.uncertainty(X).ignorance, clf.uncertainty(X).ignorance
    )
    encoders = [(name, TabularEncoder((8,), 8)) for name in X]
    staged = FusionClassifier(
        encoders,
        "evidential",
        random_state=0,
        training=Training("staged", max_epochs=3),
    )
    assert staged.fit(X, y).uncertainty(X).belief.shape == (100, 3)


def test_refused():
    X, y = make_multimodal_regression(60, random_state=0)
    with pytest.raises(
        ValueError, match=r"EvidentialFusion is defined for class.* Got"
    ):
        FusionRegressor(fusion="evidential").fit(X, y)
    several = np.column_stack([y > 0, y > 1]).astype(int)
    with pytest.raises(ValueError, match=r"kind .multilabel"):
        FusionClassifier(fusion="evidential").fit(X, several)
    with pytest.raises(ValueError, match=r"'rule' parameter .* Got 'yager' instead"):
        FusionClassifier(fusion=EvidentialFusion("yager")).fit(X, y > 0)
    with pytest.raises(ValueError, match="must be one of"):
        FusionClassifier(fusion=EvidentialFusion(weights="cv")).fit(X, y > 0)
    plain = FusionClassifier(fusion="parallel", training=Training(max_epochs=1)).fit(
        X, y > 0
    )
    assert not hasattr(plain, "uncertainty")
