"""Packages that only some functions need: they come with an extra, and are imported when first needed."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, extra: str) -> Any:
    """The module ``module``, which the package's extra ``extra`` installs.

    Raises:
        ModuleNotFoundError: if it is not installed; the sentence says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        said = f"this needs {missing}, which is missing: pip install 'micrograd-cn[{extra}]'"
        raise ModuleNotFoundError(said, name=missing) from error
