"""What of the networks can be taken away, each as one file."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backproof import plots, training
from backproof.app.pictures import DRAWING, rendered
from backproof.app.train.job import shown_of
from backproof.app.train.record import Trained, page_run
from backproof.app.train.report import document
from backproof.report import render_html


def _picture(suffix: str, trained: Trained) -> bytes:
    points = trained.points
    draw = partial(
        plots.boundaries,
        trained.fits,
        points.x,
        points.t,
        bayes=points.bayes,
        window=points.window,
    )
    return rendered(draw, suffix)


def _record(trained: Trained) -> bytes:
    return (page_run(trained).to_json(indent=1) + "\n").encode()


def _report(trained: Trained) -> bytes:
    run = page_run(trained)
    with DRAWING:
        composed = document(run)
    return render_html(composed).encode()


def _weights(trained: Trained) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "networks.safetensors"
        training.save_fits(trained.fits, path)
        return path.read_bytes()


def _code(trained: Trained) -> bytes:
    fits = trained.fits
    return training.python_code(shown_of(fits.of_size(fits.sizes[0]))).encode()


SAVED: dict[str, tuple[str, Callable[[Trained], bytes]]] = {
    "Report as HTML": ("report.html", _report),
    "Every number as JSON": ("run.json", _record),
    "Picture as SVG": ("boundaries.svg", partial(_picture, "svg")),
    "Picture as PNG": ("boundaries.png", partial(_picture, "png")),
    "All weights as safetensors": ("networks.safetensors", _weights),
    "First network as Python code": ("network.py", _code),
}
"""What each is called, its file's name, and how it is made."""
