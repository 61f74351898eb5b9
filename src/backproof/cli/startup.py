"""A quick start for commands that only count."""

import importlib.util
import sys

# SciPy's import takes every name of NumPy, and with it these, which are rarely used; they cost more
# than the rest of NumPy.
_UNUSED = ("numpy.f2py", "numpy.ma", "numpy.testing")


def postpone_unused() -> None:
    """Let modules that are imported without being used load when they are first used, if ever.

    By the standard library's lazy loader; what is loaded already stays as it is.
    """
    for name in _UNUSED:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)
        spec.loader.exec_module(module)
