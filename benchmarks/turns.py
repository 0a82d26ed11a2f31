"""Contestants that take turns, each in a process of its own: what slows one round slows all who run in it.

So ratios of one round mean something where milliseconds do not, and their spread over the rounds says how much.
"""

import multiprocessing
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Does the task once and returns its rate: the more, the better; or several rates, by what the clock was stopped at.
Work = Callable[[], float | dict[str, float]]
Make = Callable[..., Work]  # prepares it; a function at the top of a module, for it goes to another process


def race(contestants: Mapping[str, tuple[Any, ...]], rounds: int, *, apart: bool = True) -> dict[str, list[float]]:
    """Let all work once for warming up, then `rounds` times in turn.

    Args:
        contestants: For each name what makes it ready, then the arguments of that.
        rounds: How many turns are counted.
        apart: Whether each has its own process; else all share this one, which is quicker to start.
    Returns:
        The rates of each, round by round; of one with several clocks under "NAME, CLOCK".
    """
    start = Apart if apart else _here
    runners: dict[str, Any] = {name: start(*task) for name, task in contestants.items()}
    for runner in runners.values() if apart else ():
        runner.wait()
    rates: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name, work in runners.items():
            found = work()
            by_clock = {f"{name}, {clock}": rate for clock, rate in found.items()} if isinstance(found, dict) else {}
            for clock, rate in (by_clock or {name: found}).items() if turn else ():
                rates[clock].append(rate)
    for runner in runners.values() if apart else ():
        runner.close()
    return dict(rates)


def _here(make: Make, *arguments: Any) -> Work:
    return make(*arguments)


class Apart:
    """A contestant in another process."""

    def __init__(self, make: Make, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def wait(self) -> None:
        """Until it is ready; so that several can get ready side by side."""
        self._ours.recv()

    def __call__(self) -> float | dict[str, float]:
        self._ours.send("go")
        rate: float | dict[str, float] = self._ours.recv()
        return rate

    def close(self) -> None:
        self._ours.send(None)
        self._process.join()


def _serve(pipe: Connection, make: Make, arguments: Sequence[Any]) -> None:
    work = make(*arguments)
    pipe.send("ready")
    while pipe.recv():
        pipe.send(work())


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def ratio(rates: Sequence[float], of_rival: Sequence[float]) -> dict[str, float]:
    """How many times as fast, from round to round."""
    return spread([rate / other for rate, other in zip(rates, of_rival, strict=True)])


def machine() -> dict[str, Any]:
    """What all this ran on; the load is that of other programs when the benchmark begins."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    flags = info.read_text() if info.exists() else ""
    return {
        "processor": names[0] if names else platform.processor(),
        "matrix_units": [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if unit in flags],
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers", "numpy", "scipy")},
        "load_before": round(os.getloadavg()[0], 1),
    }


def in_words(table: Mapping[str, Any]) -> str:
    """`machine()` as a sentence for the page."""
    versions = ", ".join(f"{name} {number}" for name, number in table["versions"].items())
    return (
        f"{table['processor']} ({', '.join(table['matrix_units'])}), {table['cores']} cores, {table['memory_gb']} GB, "
        f"{table['system']}; {versions}; load of other programs {table['load_before']}."
    )


def shown(value: Mapping[str, float], unit: str = "", digits: int = 1) -> str:
    """A spread as it stands in a table."""
    return f"{value['median']:.{digits}f}{unit} ({value['low']:.{digits}f}-{value['high']:.{digits}f})"
