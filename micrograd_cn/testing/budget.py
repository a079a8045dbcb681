"""How many examples a proof draws."""

import os


def examples() -> int:
    """The number of examples that `check_gradients` and `check_module` draw: 20 unless it is set otherwise.

    ``pytest --micrograd-budget=quick|thorough|exhaustive`` sets it to 20, 200 or 2000; so does the environment variable
    ``MICROGRAD_EXAMPLES``, to any number. Tests of your own may use it, too: ``@settings(max_examples=examples())``.
    """
    return int(os.environ.get("MICROGRAD_EXAMPLES", 20))
