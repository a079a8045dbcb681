"""The command line: ``micrograd-cn``, or ``python -m micrograd_cn``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import micrograd_cn


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _checked(kind: type, good: Any, zh: str, en: str) -> Any:
    """The type of an option: a number for which ``good`` holds; ``zh`` and ``en`` say which those are."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not good(value):
            raise argparse.ArgumentTypeError(f"必须是{zh}，而不是 {text!r} (must be {en}, not {text!r})")
        return value

    return parse


def _parser(lang: str) -> argparse.ArgumentParser:
    summary = "可以读懂的自动求导框架 (an autograd framework small enough to read)"
    parser = _Parser(prog="micrograd-cn", description=summary)
    parser.add_argument("--version", action="version", version=f"micrograd-cn {micrograd_cn.__version__}")
    commands = parser.add_subparsers(title="命令 (commands)", dest="command", metavar="COMMAND")

    summary = "训练教程里的 XOR 网络并画图 (train the tutorial's XOR network and draw it)"
    demo = commands.add_parser("demo", help=summary, description=summary)
    seed = _checked(int, lambda n: 0 <= n < 2**63, "不小于 0 的整数", "an integer of at least 0")
    epochs = _checked(int, lambda n: n >= 1, "不小于 1 的整数", "an integer of at least 1")
    lr = _checked(float, lambda x: 0 < x < math.inf, "大于 0 的有限数", "a finite number above 0")
    options: dict[str, tuple[Any, Any, str]] = {
        "--seed": (55, seed, "第一个随机种子，学不会就换下一个 (first random seed; the next follows if it fails"),
        "--epochs": (10_000, epochs, "每次最多训练多少轮 (most epochs of each try"),
        "--lr": (0.01, lr, "学习率 (learning rate"),
        "--out": (Path("micrograd_cn_demo"), Path, "图片存放的文件夹 (folder for the pictures"),
        "--lang": (lang, str, "输出的语言 (language of the output"),
    }
    given: dict[str, Any] = {"--out": {"metavar": "DIR"}, "--lang": {"choices": ("zh", "en")}}
    for name, (default, kind, said) in options.items():
        said = f"{said}; default: %(default)s)"
        demo.add_argument(name, default=default, type=kind, help=said, **given.get(name, {}))
    demo.set_defaults(run=_demo)

    summary = "运行一个 PyTorch 脚本，不必修改 (run a PyTorch script as it is)"
    run = commands.add_parser("run", help=summary, description=summary)
    run.add_argument("script", metavar="SCRIPT", help="脚本 (the script)")
    run.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="脚本的参数 (its arguments)")
    run.set_defaults(run=_run)

    summary = "列出教程的各章，或运行一章 (list the chapters, or run one)"
    learn = commands.add_parser("learn", help=summary, description=summary)
    chapter = _checked(int, lambda n: n >= 0, "章的号码", "the number of a chapter")
    learn.add_argument("chapter", metavar="N", nargs="?", type=chapter, help="第几章 (which chapter)")
    learn.set_defaults(run=_learn)
    return parser


def _run(args: argparse.Namespace) -> int:
    from micrograd_cn import compat

    try:
        compat.run(args.script, args.arguments)
    except OSError as error:
        print(f"micrograd-cn: 无法读取 (can't open file) {args.script!r}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _learn(args: argparse.Namespace) -> int:
    from micrograd_cn import learn

    return learn.run(args.chapter)


def _demo(args: argparse.Namespace) -> int:
    from micrograd_cn import demo

    return demo.run(args.seed, args.epochs, args.lr, args.out, args.lang)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 if all went well, 2 for bad input, 130 if interrupted.

    A terminal that cannot show Chinese gets English unless ``--lang`` says otherwise.
    """
    lang = "zh"
    for stream in (sys.stdout, sys.stderr):
        if not "中".encode(getattr(stream, "encoding", None) or "utf-8", "ignore"):  # it cannot show Chinese
            lang = "en"
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
    parser = _parser(lang)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"{parser.prog}: 无法写入 (cannot write): {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
