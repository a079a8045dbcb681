"""Look at a graph from outside: `draw` makes a picture of how a number or a tensor was computed."""

from micrograd_cn.viz.drawing import draw
from micrograd_cn.viz.rendering import Drawing

__all__ = ["Drawing", "draw"]
