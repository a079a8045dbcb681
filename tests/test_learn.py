"""``micrograd-cn learn``: every chapter is found, also in the wheel, and what goes wrong costs one sentence."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from micrograd_cn import learn
from micrograd_cn.__main__ import main

ROOT = Path(__file__).parent.parent


def test_it_lists_twelve_chapters_by_number_with_both_titles(capsys):
    assert list(learn.chapters()) == list(range(1, 13))
    assert main(["learn"]) == 0
    printed = capsys.readouterr().out
    assert "6  徒手学会异或 (XOR by hand)" in printed
    assert printed.index("(XOR by hand)") < printed.index("(Prove your own gradient)")
    for path in (ROOT / "examples").glob("[0-9]*.py"):
        assert str(path) in printed  # so every chapter has a heading that is understood


def test_each_chapter_is_a_notebook_with_things_to_try():
    for chapter in learn.chapters().values():
        text = chapter.path.read_text(encoding="utf-8")
        assert text.startswith("# %% [markdown]\n# # ") and "\n# %%\n" in text
        assert "试一试" in text.rpartition("# %% [markdown]")[2]
        assert chapter.path.name.startswith(f"{chapter.number:02}_")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of chapters that stands where the wheel keeps them."""
    monkeypatch.setattr(learn, "FOLDERS", (tmp_path / "chapters", ROOT / "examples"))
    (tmp_path / "chapters").mkdir()
    return tmp_path / "chapters"


CELLS = """# %% [markdown]
# # 3. A title · 标题
#
# 两行字。

# %%
x = 2
print(__name__)

# %%
print(x + 1)
"""


def test_it_runs_a_chapter_as_a_program_and_tells_its_text(folder, capsys):
    (folder / "03_x.py").write_text(CELLS, encoding="utf-8")
    assert main(["learn", "3"]) == 0
    assert capsys.readouterr().out == "# 3. A title · 标题\n\n两行字。\n\n__main__\n\n3\n\n"


def test_an_error_in_a_chapter_names_its_line(folder):
    (folder / "03_x.py").write_text(CELLS.replace("x + 1", "x / 0"), encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        main(["learn", "3"])
    at = caught.traceback[-1]
    assert (Path(at.path).name, at.lineno + 1) == ("03_x.py", CELLS.splitlines().index("print(x + 1)") + 1)


def test_an_unknown_number_and_no_number_are_one_sentence(capsys):
    assert main(["learn", "99"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "there is no chapter 99" in said.err and said.err.count("\n") == 1
    with pytest.raises(SystemExit) as exit:
        main(["learn", "six"])
    assert exit.value.code == 2
    assert "must be the number of a chapter, not 'six'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "imports", ["import matplotlib", "from micrograd_cn.extras import need\nneed('matplotlib', 'plot')"]
)
def test_a_missing_package_is_one_sentence(imports, folder, capsys, monkeypatch):
    (folder / "04_x.py").write_text(f"# # 4. A title · 标题\n# %%\n{imports}\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # import then says that there is none
    assert main(["learn", "4"]) == 2
    said = capsys.readouterr().err
    assert "chapter 4 needs) matplotlib: pip install 'micrograd-cn[all]'" in said and said.count("\n") == 1


def test_the_wheel_takes_the_chapters_along():
    """The names in pyproject.toml are those that `learn` looks for; and the extra "all" has what chapters need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"]["examples"] == learn.FOLDERS[0].relative_to(ROOT).as_posix()
    (pattern,) = (p for p in wheel["include"] if p.startswith("examples/"))
    assert {p.name for p in ROOT.glob(pattern)} == {c.path.name for c in learn.chapters().values()}
    (every,) = project["project"]["optional-dependencies"]["all"]
    assert all(extra in every for extra in ("digits", "plot", "test"))
