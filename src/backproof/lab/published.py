"""The published report's numbers, which ours are compared with and never computed from."""

HIDDEN = (5, 10, 100, 500)
"""Hidden sizes of the published tables."""

CHECKED_HIDDEN = 500
"""Hidden size of the published gradient check."""

DIFFERENCES = {
    1e-3: {"W1": 2.943e-10, "w": 2.469e-09, "b1": 1.515e-11, "b": 3.714e-09},
    1e-5: {"W1": 1.136e-11, "w": 3.375e-12, "b1": 1.655e-11, "b": 1.345e-11},
}
"""Absolute difference of numeric and backpropagated slope, by step ε and parameter tensor."""

PLANNED_EXAMPLES = 26492
"""Test examples for a margin of 0.01 at confidence 0.99, by Hoeffding's inequality."""

TEST_ERRORS = {5: 0.037672, 10: 0.052922, 100: 0.032651, 500: 0.028763}
"""Test error on that many examples, by hidden size."""

GAPS = {5: 0.007672, 10: 0.002922, 100: 0.007651, 500: 0.008763}
"""Test error minus training error, by hidden size."""

TRAINING_ERRORS = {5: 0.030, 10: 0.050, 100: 0.025, 500: 0.020}
"""Error on the 200 training points, by hidden size."""
