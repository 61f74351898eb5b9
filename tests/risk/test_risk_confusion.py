"""Confusion matrices against scikit-learn, and what labels are refused."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from backproof._core.errors import InputError
from backproof.risk.confusion import Confusion, Confusions, confusion, confusions_by


class Missing:
    """Like pandas.NA: it refuses to be compared."""

    def __ne__(self, other: object) -> bool:
        raise TypeError("boolean value is ambiguous")

    __hash__ = object.__hash__


def drawn(kind: str, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    kinds: dict[str, Callable[[Any], Any]] = {
        "integers": lambda x: x * 10 - 20,
        "floats": lambda x: x / 4,
        "booleans": lambda x: x > 1,
        "text": lambda x: np.array(["b", "a", "long text", "é"])[x],
        "list": lambda x: x.tolist(),
        "list of text": lambda x: [f"c{i}" for i in x],
        "objects": lambda x: np.array([f"c{i}" for i in x], dtype=object),
    }
    return kinds[kind](true), kinds[kind](predicted)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "kind", ["integers", "floats", "booleans", "text", "list", "list of text", "objects"]
)
def test_counts_are_scikit_learns(kind: str, seed: int) -> None:
    true, predicted = drawn(kind, seed)
    found = confusion(true, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # scikit-learn takes fractions for a regression
        as_text = [np.asarray(x).astype(str) for x in (true, predicted)]
        expected = confusion_matrix(*as_text, labels=[str(label) for label in found.labels])
    np.testing.assert_array_equal(found.counts, expected)
    assert found.counts.dtype == np.int64
    assert list(found.labels) == sorted(set(np.asarray(true).tolist()))
    assert found.examples == 200


def test_labels_are_taken_in_the_order_given() -> None:
    found = confusion(["b", "a", "b"], ["b", "b", "c"], labels=["c", "b", "a", "d"])
    assert found.labels == ("c", "b", "a", "d")
    assert found.counts.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_booleans_are_0_and_1() -> None:
    found = confusion([True, False, True], np.array([1, 0, 0]))
    assert found.labels == (False, True)
    assert found.counts.tolist() == [[1, 0], [1, 1]]
    assert confusion([1, 0, 1], [1.0, 0.0, 0.0]) == confusion([1, 0, 1], [1, 0, 0])


def test_of_one_true_class_the_union_is_taken() -> None:
    assert confusion(["a", "a"], ["a", "b"]).labels == ("a", "b")
    assert confusion([3, 3], [3, 3]).counts.tolist() == [[2]]


def test_shards_merge_to_the_whole() -> None:
    true, predicted = drawn("text", 5)
    labels = ["a", "b", "long text", "é"]
    parts = [slice(0, 50), slice(50, 51), slice(51, 200)]
    first, *rest = (confusion(true[p], predicted[p], labels=labels) for p in parts)
    assert sum(rest, first) == confusion(true, predicted)


def test_shards_of_other_labels_do_not_merge() -> None:
    with pytest.raises(InputError, match=r"same labels in the same order .* 0, 1 and 1, 2"):
        confusion([0, 1], [0, 1]) + confusion([1, 2], [1, 2])


@pytest.mark.parametrize("kind", ["integers", "text"])
def test_groups_are_counted_for_themselves(kind: str) -> None:
    true, predicted = drawn(kind, 7)
    by = np.random.default_rng(8).integers(0, 9, 200)
    found = confusions_by(true, predicted, by)
    assert found.groups == tuple(range(9))
    for number, key in enumerate(found.groups):
        among = by == key
        alone = confusion(true[among], predicted[among], labels=found.labels)
        assert found[number] == alone
    assert found.total == confusion(true, predicted)
    assert len(found) == 9


@pytest.mark.parametrize(
    "found", [confusion(["a", "b"], ["a", "a"]), confusions_by([0, 1], [1, 1], ["x", "y"])]
)
def test_a_matrix_comes_back_from_json(found: Confusion | Confusions) -> None:
    assert type(found).from_json(found.to_json()) == found


def test_a_matrix_reads_as_a_table() -> None:
    assert str(confusion(["a", "b", "b"], ["a", "a", "b"])) == (
        "true     a     b\n   a     1     0\n   b     1     1"
    )


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([0, 1, 1], [0, 1], "y_true and y_pred must be of one length.*got 3 and 2"),
        ([], [], "y_true must hold at least one example"),
        ([[0], [1]], [0, 1], r"y_true must have one dimension, got shape \(2, 1\)"),
        (0, [0], "one dimension"),
        ([0.0, np.nan, 1.0, np.nan], [0, 1, 1, 0], "got 2 that are missing .* first at index 1"),
        (np.array([0.0, np.inf]), [0, 1], "got 1 that are missing or not finite.* index 1"),
        (["a", "b"], ["a", None], "y_pred must have a label .* got 1 .* at index 1"),
        (["a", float("nan")], ["a", "b"], "y_true must have a label .* got 1 .* at index 1"),
        (["a", Missing()], ["a", "b"], "y_true must have a label .* got 1 .* at index 1"),
        ([np.datetime64("2020"), np.datetime64("NaT")], [0, 1], "missing .* at index 1"),
        (np.ma.masked_array([0, 1], [True, False]), [0, 1], "missing .* at index 0"),
        (["1", "0"], [1, 0], "labels of one kind, got '0' and 0: .*asarray.y_pred.*astype"),
        ([1, 0], ["1", "0"], "labels of one kind, got 0 and '0': .*asarray.y_true.*astype"),
        ([1, "0"], [1, 0], "y_true must hold labels of one kind, got both '0' and 1"),
        (
            [0, 1],
            [0, 2],
            "y_pred has labels that y_true never has: 2.* give every label as labels=",
        ),
        ([0, 1], [0.5, 0.7], "labels that y_true never has: 0.5, 0.7"),
        ([b"a", b"b"], [b"a", b"b"], "must hold text, numbers or booleans, got bytes"),
        ([[1], [2, 3]], [0, 1], "must hold text, numbers or booleans, got list"),
        (
            [{"label": 1}],
            [0],
            r"got dict: take the labels out, \[one\['label'\] for one in y_true\]",
        ),
        (np.arange(9000), np.arange(9000), "9000 different labels need 81000000 counts"),
    ],
)
def test_what_are_no_labels_is_refused(true: Any, predicted: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        confusion(true, predicted)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0], "y_true has 1 labels that labels= has not, the first 1"),
        ([0, 1, 1], "labels must be different"),
        (["0", "1"], "labels and y_true must have labels of one kind"),
        ([], "labels must hold at least one"),
        ([0, 1, None], "labels must have a label"),
    ],
)
def test_what_cannot_be_the_labels_is_refused(labels: Sequence[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        confusion([0, 1], [0, 1], labels=labels)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ([0], "y_true and by must be of one length.*got 2 and 1"),
        ([0, None], "by must have a label .* at index 1"),
    ],
)
def test_what_are_no_groups_is_refused(by: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        confusions_by([0, 1], [0, 1], by)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2]], r"counts must have shape \(2, 2\).*got \(1, 2\)"),
        ([[1, 2], [3, -4]], "counts must be at least 0, got -4"),
        ([[1.0, 2.0], [3.0, 4.0]], "counts must be whole numbers"),
    ],
)
def test_what_are_no_counts_is_refused(counts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Confusion(labels=("a", "b"), counts=counts)


def test_a_matrix_may_be_made_of_lists() -> None:
    made = Confusion(labels=("a", "b"), counts=[[1, 2], [3, 4]])  # type: ignore[arg-type]
    assert made.examples == 10
