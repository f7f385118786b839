"""The modules ``math``, ``statistics`` and ``random``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.iteration import collect
from silvercup.expressions.limits import Meter
from silvercup.expressions.sizes import cheap, kinds
from silvercup.expressions.views import Function, Namespace, plain

_MAX_NUMBERS = 100_000
_MAX_BITS = 1024
_MAX_SAMPLE = 10_000
_SEQUENCES: Final = kinds(list, tuple, range)
_CHOSEN: Final = kinds(list, tuple, range, str)

_MATH = "sqrt exp ceil floor isinf isnan log log10 log2 pow sin cos tan asin acos atan atan2"

MATH: Final = Namespace(
    "math",
    {**{name: plain(f"math.{name}", getattr(math, name)) for name in _MATH.split()}, "pi": math.pi, "e": math.e},
)


def _statistic(name: str) -> Function:
    def call(meter: Meter, values: object, *args: Any, **named: Any) -> Any:
        library = meter.load("statistics")
        numbers = collect(meter, values)
        if len(numbers) > _MAX_NUMBERS or any(
            isinstance(arg, int) and arg > _MAX_NUMBERS for arg in (*args, *named.values())
        ):
            raise ExpressionError(f"statistics.{name}() takes at most {_MAX_NUMBERS:,} numbers")
        for number in numbers:
            meter.tick()
            if not cheap(number) or (isinstance(number, int) and number.bit_length() > _MAX_BITS):
                raise ExpressionError(f"statistics.{name}() takes plain numbers")
        return getattr(library, name)(numbers, *args, **named)

    return Function(f"statistics.{name}", call)


_STATISTICS = "mean stdev geometric_mean median median_low median_high mode quantiles"
STATISTICS: Final = Namespace("statistics", {name: _statistic(name) for name in _STATISTICS.split()})


def _random() -> float:
    import random

    return random.random()  # noqa: S311


def _randint(low: int, high: int) -> int:
    import random

    return random.randint(low, high)  # noqa: S311


def _choice(meter: Meter, values: object) -> Any:
    import random

    items: Any = values if isinstance(values, _CHOSEN) else collect(meter, values)
    if not items:
        raise ExpressionError("random.choice() needs at least one value")
    return random.choice(items)  # noqa: S311


def _sample(meter: Meter, values: object, k: int) -> list[Any]:
    import random

    if k > _MAX_SAMPLE:
        raise ExpressionError(f"random.sample() takes at most {_MAX_SAMPLE:,} values")
    items: Any = values if isinstance(values, _SEQUENCES) else collect(meter, values)
    return random.sample(items, k)


_RANDOM: Final[dict[str, Callable[..., Any]]] = {"choice": _choice, "sample": _sample}
RANDOM: Final = Namespace(
    "random",
    {
        **{name: Function(f"random.{name}", call) for name, call in _RANDOM.items()},
        "random": plain("random.random", _random),
        "randint": plain("random.randint", _randint),
    },
)
