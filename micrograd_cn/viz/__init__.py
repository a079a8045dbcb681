"""Look at a graph from outside: `draw` makes a picture of how a number or a tensor was computed."""

from micrograd_cn.viz.animation import Animation, animate
from micrograd_cn.viz.drawing import draw, draw_backward
from micrograd_cn.viz.explaining import Explanation, explain
from micrograd_cn.viz.network import draw_network
from micrograd_cn.viz.rendering import Drawing
from micrograd_cn.viz.watching import watch

__all__ = [
    "Animation", "Drawing", "Explanation", "animate", "draw", "draw_backward", "draw_network", "explain", "watch",
]  # fmt: skip
