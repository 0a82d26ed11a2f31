"""Ahead: items go through a function in threads, some ahead of whoever takes the results, which come in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PER_WORKER = 4  # items that are begun before they are asked for, for each thread: what is held is bounded by it


class Ahead(Generic[T, R]):
    """Work that is done ahead. Used from one thread, but for the function."""

    def __init__(self, items: Iterable[T], work: Callable[[T], R], workers: int, name: str) -> None:
        """Begin with the first items.

        Args:
            items: None of them is None.
            work: What a thread does with one of them; what it raises is raised where its result is taken.
            workers: Number of threads.
            name: Of the threads.
        """
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._items, self._work = iter(items), work
        self._limit = PER_WORKER * workers
        self._begun: deque[tuple[T, Future[R]]] = deque()
        self._begin()

    @property
    def is_over(self) -> bool:
        """Whether every result was taken."""
        return not self._begun

    @property
    def next(self) -> tuple[T, Future[R]] | None:
        """The item whose result comes next, and what is to be waited for; None when it is over."""
        return self._begun[0] if self._begun else None

    def take(self) -> Iterator[tuple[T, R]]:
        """Yield items with their results, in order, until one is not done yet."""
        while self._begun and self._begun[0][1].done():
            item, future = self._begun.popleft()
            self._begin()
            yield item, future.result()

    def close(self) -> None:
        """Begin nothing more; what is being done ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        while len(self._begun) < self._limit and (item := next(self._items, None)) is not None:
            self._begun.append((item, self._pool.submit(self._work, item)))
