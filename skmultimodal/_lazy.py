"""Public names that are imported on first use (PEP 562)."""

from __future__ import annotations

from importlib import import_module

__all__ = ["attach"]


def attach(package: str, names: dict[str, str], subpackages: tuple[str, ...] = ()):
    """Return ``__getattr__`` and ``__dir__`` of a package with lazy names.

    Parameters
    ----------
    package : str
        Full name of the package.
    names : dict of str to str
        Module that defines each name, relative to the top package.
    subpackages : tuple of str, default=()
        Packages that are attributes as well.
    """
    root = package.partition(".")[0]

    def getter(name):
        if name in names:
            return getattr(import_module(f"{root}.{names[name]}"), name)
        if name in subpackages:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return getter, lambda: sorted([*names, *subpackages])
