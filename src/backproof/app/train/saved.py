"""What of the networks can be taken away, each as one file."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backproof import plots, training
from backproof._core.errors import InputError
from backproof.app.pictures import rendered
from backproof.app.train.job import shown_of
from backproof.app.train.record import Trained, page_run
from backproof.app.train.report import document
from backproof.report import render_html
from backproof.tabular.outcome import loss_rows
from backproof.tabular.pictures import draw_losses


def _boundaries(trained: Trained) -> plots.Figure:
    points = trained.points
    return plots.boundaries(
        trained.fits, points.x, points.t, bayes=points.bayes, window=points.window
    )


def _losses(trained: Trained) -> plots.Figure:
    rows = loss_rows(trained.fits)
    if not rows:
        raise InputError("there is no loss to draw: no step was taken, or every network diverged")
    return draw_losses(rows, trained.settings.networks)


def _weights(trained: Trained) -> plots.Figure:
    fit = shown_of(trained.fits.of_size(trained.fits.sizes[0]))
    return plots.weights(fit.layers, str(fit.spec))


def _drawn(draw: Callable[[Trained], plots.Figure], suffix: str, trained: Trained) -> bytes:
    return rendered(partial(draw, trained), suffix)


def _record(trained: Trained) -> bytes:
    return (page_run(trained).to_json(indent=1) + "\n").encode()


def _report(trained: Trained) -> bytes:
    return render_html(document(page_run(trained))).encode()


def _safetensors(trained: Trained) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "networks.safetensors"
        training.save_fits(trained.fits, path)
        return path.read_bytes()


def _code(trained: Trained) -> bytes:
    fits = trained.fits
    return training.python_code(shown_of(fits.of_size(fits.sizes[0]))).encode()


_FIGURES = {"Boundaries": _boundaries, "Losses": _losses, "Weights of the first network": _weights}

SAVED: dict[str, tuple[str, Callable[[Trained], bytes]]] = {
    "Report as HTML": ("report.html", _report),
    "Every number as JSON": ("run.json", _record),
    **{
        f"{what} as {suffix.upper()}": (
            f"{what.split()[0].lower()}.{suffix}",
            partial(_drawn, draw, suffix),
        )
        for what, draw in _FIGURES.items()
        for suffix in ("svg", "png")
    },
    "All weights as safetensors": ("networks.safetensors", _safetensors),
    "First network as Python code": ("network.py", _code),
}
"""What each is called, its file's name, and how it is made."""
