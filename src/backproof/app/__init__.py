"""A local web page on which to see networks, gradients and test errors; needs the extra ``app``."""

from backproof.app.serve import serve

__all__ = ["serve"]
