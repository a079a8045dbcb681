"""``micrograd-cn run``: a script for PyTorch runs as it is, and what is missing is said where it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import micrograd_cn as mt
from micrograd_cn import compat
from tests import pytorch_names


def run(tmp_path, text: str, *arguments: str):
    script = tmp_path / "script.py"
    script.write_text(text)
    command = [sys.executable, "-m", "micrograd_cn", "run", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_every_way_to_import_torch(tmp_path):
    done = run(
        tmp_path,
        """
import torch, torch.nn as nn, torch.nn.functional as F
import torch.backends.cudnn as cudnn
from torch import optim
from torch.utils.data import DataLoader
from torch.nn.utils.rnn import pad_sequence
from torch.cuda.amp import autocast
from torch.optim.lr_scheduler import StepLR
import micrograd_cn
assert nn.Linear is micrograd_cn.nn.Linear and torch.nn is nn and torch.nn.functional is F and nn.functional is F
assert torch.Tensor is micrograd_cn.Tensor and not torch.cuda.is_available() and torch.__version__ >= "2"
assert not hasattr(torch, "no_such_name") and torch.version.cuda is None
cudnn.benchmark = True
assert torch.backends.cudnn.benchmark
print(torch.float32, torch.ones(1))
""",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("torch.float32 tensor([1.])\n", "", 0)


def test_the_script_is_main_with_its_own_arguments(tmp_path):
    (tmp_path / "helper.py").write_text("x = 5\n")
    text = "import sys, helper, __main__\nprint(sys.argv[1:], __name__, __file__ == __main__.__file__, helper.x)\n"
    done = run(tmp_path, text, "--lr", "0.1", "-h")
    assert done.stdout == "['--lr', '0.1', '-h'] __main__ True 5\n"


@pytest.mark.parametrize(("end", "code"), [("", 0), ("raise SystemExit(7)", 7), ("exit('no')", 1), ("1 / 0", 1)])
def test_exit_codes_are_those_of_the_script(tmp_path, end, code):
    assert run(tmp_path, f"import torch\n{end}\n").returncode == code


def test_tracebacks_are_those_of_the_script(tmp_path):
    ours = run(tmp_path, "def f():\n    1 / 0\n\nf()\n").stderr
    plain = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True).stderr
    assert ours == plain
    assert run(tmp_path, "def f(:\n").stderr == subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True
    ).stderr  # fmt: skip


def test_a_script_that_is_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "micrograd_cn", "run", str(tmp_path / "no.py")], capture_output=True, text=True
    )
    assert done.returncode == 2 and "no.py" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("torch.stft", AttributeError, ["'stft'", "PyTorch itself has torch.stft"]),
        ("torch.rnadn", AttributeError, ["'rnadn'", "none of PyTorch's public names", "torch.randn"]),
        ("from torch.nn import Linaer", ImportError, ["'Linaer'", "torch.nn.Linear"]),
        ("from torch import distributions", ImportError, ["PyTorch itself has torch.distributions"]),
        ("import torch.distributions.normal", ModuleNotFoundError, ["distributions"]),
        ("torch.nn.functional.rleu", AttributeError, ["torch.nn.functional.relu"]),
    ],
)
def test_missing_names_are_explained(line, error, words):
    with compat.installed(), pytest.raises(error) as raised:
        exec(f"import torch\n{line}")
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_a_missing_method_of_tensors_is_explained(tmp_path):
    done = run(tmp_path, "import torch\nx = torch.ones(2)\nx.stft(3)\n")
    assert "line 3" in done.stderr and "PyTorch itself has torch.Tensor.stft" in done.stderr


def test_the_hook_is_active_only_there():
    before = sys.modules.get("torch")
    with compat.installed():
        import torch

        assert torch.Tensor is mt.Tensor
    assert sys.modules.get("torch") is before
    assert not any(isinstance(m, compat._Room) for m in list(sys.modules.values()))
    compat.install()
    compat.install()
    try:
        import torch

        assert torch.Tensor is mt.Tensor
    finally:
        compat.uninstall()
    assert sys.modules.get("torch") is before


def test_the_list_of_pytorchs_names_is_pytorchs():
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13."):
        pytest.skip("the list is that of another version")
    assert pytorch_names.PATH.read_text() == pytorch_names.text()


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: mt.cuda.is_available(), False),
        (lambda: mt.cuda.device_count(), 0),
        (lambda: mt.cuda.is_bf16_supported(), False),
        (lambda: mt.cuda.memory_allocated(), 0),
        (lambda: mt.cuda.manual_seed_all(3), None),
        (lambda: mt.accelerator.is_available(), False),
        (lambda: mt.accelerator.current_accelerator(), None),
        (lambda: mt.accelerator.device_count(), 0),
        (lambda: mt.backends.mps.is_available(), False),
        (lambda: mt.backends.cuda.matmul.allow_tf32, False),
        (lambda: mt.backends.cudnn.allow_tf32, True),
        (lambda: mt.version.cuda, None),
    ],
)
def test_there_is_no_device_and_we_say_so(call, answer):
    assert call() == answer


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: t.cuda.synchronize(), AssertionError),
        (lambda t: t.cuda.current_device(), AssertionError),
        (lambda t: t.ones(1).cuda(), AssertionError),
        (lambda t: t.ones(1).to("cuda"), AssertionError),
        (lambda t: t.ones(1, device="cuda"), AssertionError),
        (lambda t: t.ones(1).to("mps"), RuntimeError),
        (lambda t: t.ones(1).pin_memory(), RuntimeError),
        (lambda t: t.accelerator.set_device_index(0), RuntimeError),
        (lambda t: t.ones(1).values(), RuntimeError),
        (lambda t: t.ones(1).indices(), RuntimeError),
        (lambda t: t.ones(1).lstsq(t.ones(1)), RuntimeError),
        (lambda t: t.set_num_threads(0), RuntimeError),
        (lambda t: t.FloatTensor(3.0), TypeError),
        (lambda t: t.FloatTensor(t.tensor([1])), TypeError),
    ],
)
def test_commands_to_a_device_raise_as_in_pytorch(call, error):
    with pytest.raises(error):
        call(mt)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch)


def test_old_constructors():
    assert mt.FloatTensor([1, 2]).tolist() == [1, 2] and mt.FloatTensor(2, 3).shape == (2, 3)
    assert mt.LongTensor([1.5, 2]).tolist() == [1, 2] and mt.LongTensor([1]).dtype is mt.int64
    assert isinstance(mt.ones(1), mt.FloatTensor) and not isinstance(mt.ones(1), mt.LongTensor)
    assert mt.ones(1).type(mt.LongTensor).dtype is mt.int64
