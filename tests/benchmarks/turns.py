"""Contestants in processes of their own that take turns: A B C, A B C, ... so that what disturbs one disturbs all.

In one process they would share an allocator, a garbage collector and threads.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Case

# Seconds that a contestant goes on taking samples, and seconds of rest before the next: the threads of OpenBLAS spin
# for 0.1 s after their work, and would take a core from it.
TURN, REST = 0.05, 0.15


def _serve(case_name: str, contestant: str, orders: Connection) -> None:
    """Build a contestant, say what is not installed for it, or None, and then answer every order with samples."""
    case = next(case for case in CASES if case.name == case_name)
    try:
        runner = case.contestants[contestant]()
        orders.send(None)
    except ImportError as error:
        orders.send(error.name)
        return
    while orders.recv():
        end = time.perf_counter() + TURN
        samples = [runner.sample()]
        while time.perf_counter() < end:
            samples.append(runner.sample())
        orders.send(samples)


class Seat:
    """One contestant of a case, in its process.

    Attributes:
        missing: the package that it needs and that is not installed, or None.
    """

    def __init__(self, case: Case, contestant: str) -> None:
        self._orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(case.name, contestant, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.missing: str | None = self._orders.recv()

    def turn(self) -> list[float]:
        """Samples, taken when the machine has come to rest.

        Raises:
            EOFError: if the contestant failed; its error is on the screen.
        """
        time.sleep(REST)
        self._orders.send(True)
        return self._orders.recv()

    def leave(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()
        self._orders.close()


def take_turns(seats: dict[str, Seat], rounds: int | None, seconds: float) -> Iterator[dict[str, list[float]]]:
    """The samples of all contestants, round by round.

    Args:
        seats: the contestants by name.
        rounds: how many; None: as many as fit into ``seconds``, from 5 to 51.
        seconds: how long to go on.
    """
    for seat in seats.values():
        seat.turn()
    start = time.perf_counter()
    done = 0
    while done < (rounds or 5) or (rounds is None and done < 51 and time.perf_counter() - start < seconds):
        yield {name: seat.turn() for name, seat in seats.items()}
        done += 1
