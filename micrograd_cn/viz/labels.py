"""Words on a plot: Chinese where matplotlib has a Chinese font, English elsewhere, and never empty boxes."""

from __future__ import annotations

from typing import Any

from micrograd_cn.extras import need

# In the order in which they are taken.
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Microsoft YaHei",
    "Hiragino Sans GB", "Heiti TC", "STHeiti", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "SimSun",
    "Noto Sans CJK JP", "Noto Serif CJK SC", "Noto Serif CJK JP", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


def chinese_font() -> str | None:
    """The name of a font that matplotlib knows and that has Chinese characters, or None."""
    known = {font.name for font in need("matplotlib.font_manager", "plot").fontManager.ttflist}
    return next((name for name in CHINESE_FONTS if name in known), None)


def label(chinese: str, english: str) -> str:
    """The text that can be shown here: ``chinese`` where there is a Chinese font, else ``english``."""
    return chinese if chinese_font() else english


def dress(ax: Any, **texts: str) -> Any:
    """Set texts of an Axes and show all its Chinese texts in a Chinese font; returns the Axes.

    Args:
        ax: a matplotlib Axes.
        **texts: what ``ax.set`` takes: ``title``, ``xlabel`` and so on, as `label` gives them.
    """
    ax.set(**texts)
    if font := chinese_font():
        for text in ax.findobj(need("matplotlib.text", "plot").Text):
            if not text.get_text().isascii():
                text.set_fontfamily([font, "sans-serif"])
    return ax
