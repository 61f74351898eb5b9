"""Initial weights: every draw follows from the seed and the sizes of the layers."""

from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from backproof._core import seeds

Layers = list[NDArray[np.float64]]
"""One matrix a layer, shape (inputs + 1, outputs): the weights, and the biases as the last row."""


def initial_layers(hidden: tuple[int, ...], seed: int, inputs: int = 2, outputs: int = 1) -> Layers:
    """Draw the initial weights of a network.

    Uniform: biases and the weights of the last layer from [-1, 1], those of a hidden layer with f
    inputs from ±√(2/f). The lab's model, which has two inputs, draws everything from [-1, 1].

    Parameters
    ----------
    hidden
        Sizes of the hidden layers.
    seed
        Whole number of at least 0.
    inputs, outputs
        Number of features, and of scores a point.
    """
    lab = inputs == 2 and outputs == 1 and len(hidden) == 1
    if lab:
        rng = seeds.generator(seed, "training.FFModel", *hidden)
    else:
        rng = seeds.generator(seed, "training.Network", inputs, *hidden, outputs)
    sizes = (inputs, *hidden, outputs)
    layers = []
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        bound = sqrt(2 / fan_in) if number < len(hidden) else 1.0
        weights = rng.uniform(-bound, bound, (fan_in, fan_out))
        biases = rng.uniform(-1.0, 1.0, (1, fan_out))
        layers.append(np.concatenate((weights, biases)))
    return layers
