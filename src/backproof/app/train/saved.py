"""What of the networks can be taken away, each as one file."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backproof import plots, training
from backproof.app.pictures import rendered
from backproof.app.train.job import shown_of
from backproof.app.train.points import Points


def _picture(suffix: str, fits: training.Fits, points: Points) -> bytes:
    draw = partial(
        plots.boundaries, fits, points.x, points.t, bayes=points.bayes, window=points.window
    )
    return rendered(draw, suffix)


def _weights(fits: training.Fits, points: Points) -> bytes:  # noqa: ARG001
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "networks.safetensors"
        training.save_fits(fits, path)
        return path.read_bytes()


def _code(fits: training.Fits, points: Points) -> bytes:  # noqa: ARG001
    return training.python_code(shown_of(fits.of_size(fits.sizes[0]))).encode()


SAVED: dict[str, tuple[str, Callable[[training.Fits, Points], bytes]]] = {
    "Picture as SVG": ("boundaries.svg", partial(_picture, "svg")),
    "Picture as PNG": ("boundaries.png", partial(_picture, "png")),
    "All weights as safetensors": ("networks.safetensors", _weights),
    "First network as Python code": ("network.py", _code),
}
"""What each is called, its file's name, and how it is made."""
