"""The command line: what it prints and writes, its exit codes, and that bad input costs one sentence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import micrograd_cn
from micrograd_cn import demo
from micrograd_cn.__main__ import main

LEARNS, FLAT = 56, 55  # a seed that learns XOR, and one that ends with 0.5 everywhere


def environment(**changes):
    return {**os.environ, "PYTHONIOENCODING": "utf-8", **changes}


def run(*args, **kwargs):
    command = [sys.executable, "-m", "micrograd_cn", *map(str, args)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=120, **kwargs)


def table(text):
    """The rows ``x1 x2 target prediction`` in what was printed."""
    rows = re.findall(r"^ +([01]) +([01]) +([01]) +(\S+)$", text, re.MULTILINE)
    return np.array(rows, dtype=float)


# --- the demo --------------------------------------------------------------------------------------------------------


def test_the_demo_learns_xor_and_draws_it(tmp_path, capsys):
    assert main(["demo", "--seed", str(LEARNS), "--out", str(tmp_path / "new" / "folder")]) == 0
    printed = capsys.readouterr().out
    rows = table(printed)
    x1, x2, target, prediction = rows.T
    assert len(rows) == 4
    assert np.array_equal(target, np.logical_xor(x1, x2))
    assert np.abs(prediction - target).max() < 1e-3
    svg = tmp_path / "new" / "folder" / "xor_graph.svg"
    assert str(svg) in printed
    texts = {t.text for t in ET.parse(svg).getroot().iter("{http://www.w3.org/2000/svg}text")}
    assert {"0.weight", "0.bias", "2.weight", "2.bias", "linear", "mse_loss", "损失"} <= texts


def test_a_flat_start_is_followed_by_the_next_seed(tmp_path, capsys):
    assert main(["demo", "--seed", str(FLAT), "--out", str(tmp_path), "--lang", "en"]) == 0
    printed = capsys.readouterr().out
    assert f"Seed {FLAT} did not learn it: it lies in a flat place (loss 0.2500)" in printed
    assert f"Seed {LEARNS} learnt it" in printed


def test_the_surface_is_drawn_where_matplotlib_is_installed(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    trained = demo.train(LEARNS, 1, 0.01, quiet=True)
    demo.surface(trained.model, tmp_path / "surface.png", "zh")
    assert (tmp_path / "surface.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_demo_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(demo, "TRIES", 1)
    main(["demo", "--epochs", "1", "--out", str(tmp_path)])
    assert "pip install 'micrograd-cn[plot]'" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["xor_graph.svg"]


def test_too_few_epochs_are_admitted_and_still_shown(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "TRIES", 3)
    assert main(["demo", "--epochs", "10", "--out", str(tmp_path), "--lang", "en"]) == 1
    printed = capsys.readouterr().out
    assert "None of 3 seeds learnt it" in printed
    assert "learnt it: loss" not in printed
    assert len(table(printed)) == 4
    ET.parse(tmp_path / "xor_graph.svg")


def test_a_learning_rate_at_which_training_explodes_is_no_crash(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "TRIES", 2)
    assert main(["demo", "--epochs", "2000", "--lr", "1e30", "--out", str(tmp_path), "--lang", "en"]) == 1
    printed = capsys.readouterr().out
    assert "flat" not in printed
    assert "nan" in printed


def test_training_is_the_textbooks_gradient_descent():
    """The loss after some epochs is that of plain NumPy from the same start."""
    epochs, lr = 300, 0.05
    start = demo.train(LEARNS, 1, 1e-30, quiet=True).model
    w1, b1, w2, b2 = (p.detach().numpy().astype(np.float64) for p in start.parameters())
    x, y = np.array(demo.X), np.array(demo.Y)
    for _ in range(epochs):
        h = x @ w1.T + b1
        z = np.maximum(h, 0) @ w2.T + b2
        gz = (np.maximum(z, 0) - y) * (z > 0) * 2 / 4
        gh = gz @ w2 * (h > 0)
        w2, b2 = w2 - lr * gz.T @ np.maximum(h, 0), b2 - lr * gz.sum(0)
        w1, b1 = w1 - lr * gh.T @ x, b1 - lr * gh.sum(0)
    loss = ((np.maximum(np.maximum(x @ w1.T + b1, 0) @ w2.T + b2, 0) - y) ** 2).mean()
    assert demo.train(LEARNS, epochs, lr, quiet=True).loss == pytest.approx(loss, rel=1e-4)


def test_the_language_decides_the_names_in_the_graph():
    model = demo.train(LEARNS, 1, 0.01, quiet=True).model
    assert "损失" in demo.graph(model, "zh").source
    assert "loss" in demo.graph(model, "en").source
    assert "损失" not in demo.graph(model, "en").source


def test_both_languages_say_the_same_things():
    zh, en = demo.TEXTS["zh"], demo.TEXTS["en"]
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"{\w+", zh[key])) == set(re.findall(r"{\w+", en[key])), key
    assert len(demo.NAMES["zh"]) == len(demo.NAMES["en"])


def test_the_progress_bar_shows_the_loss_and_leaves_the_output_alone(tmp_path, capsys):
    demo.train(LEARNS, 6000, 0.01, "zh")  # long enough for the bar to be drawn again
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loss=" in captured.err
    assert "6000" in captured.err


# --- the command -----------------------------------------------------------------------------------------------------


def test_as_a_program(tmp_path):
    done = run("demo", "--seed", LEARNS, "--epochs", 6000, "--out", "pictures", cwd=tmp_path, env=environment())
    assert done.returncode == 0, done.stderr
    assert "学会了" in done.stdout
    assert str(tmp_path.resolve() / "pictures" / "xor_graph.svg") in done.stdout  # absolute
    assert "Traceback" not in done.stderr


def test_a_terminal_without_chinese_gets_english(tmp_path):
    done = run("demo", "--seed", LEARNS, "--epochs", 6000, "--out", tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert done.returncode == 0, done.stderr
    assert f"Seed {LEARNS} learnt it" in done.stdout
    done = run("demo", "--lang", "zh", "--epochs", 1, "--out", tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


@pytest.mark.parametrize(
    "args, named",
    [
        (["--epochs", "0"], "'0'"),
        (["--epochs", "ten"], "'ten'"),
        (["--epochs", "1.5"], "'1.5'"),
        (["--lr", "0"], "'0'"),
        (["--lr", "-1"], "'-1'"),
        (["--lr", "nan"], "'nan'"),
        (["--lr", "inf"], "'inf'"),
        (["--seed", "-1"], "'-1'"),
        (["--lang", "fr"], "'fr'"),
        (["--colour"], "--colour"),
    ],
)
def test_bad_input_costs_one_sentence(args, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["demo", *args])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "train", lambda *args: pytest.fail("trained before looking"))
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert said.count("\n") == 1


def test_an_interrupt_is_quiet(tmp_path, capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "train", interrupted)
    assert main(["demo", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_program_with_130(tmp_path):
    command = [sys.executable, "-m", "micrograd_cn", "demo", "--epochs", "100000000", "--lr", "1e-12", "--lang", "en"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("XOR")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_help_version_and_no_command(capsys):
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out
    for args in (["--help"], ["demo", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(args)
        assert stop.value.code == 0
        assert "usage" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"micrograd-cn {micrograd_cn.__version__}"


def test_help_loads_no_drawing_or_plotting():
    code = (
        "import sys; from micrograd_cn.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('graphviz', 'wasmtime', 'matplotlib', 'tqdm', 'micrograd_cn.nn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment())
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_installed_command_is_this_one():
    project = Path(__file__).parents[1] / "pyproject.toml"
    if not project.exists():
        pytest.skip("not run from the source tree")
    scripts = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts["micrograd-cn"] == f"{main.__module__}:{main.__name__}"
