"""Work on batches ahead of whoever takes them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_Rows = TypeVar("_Rows")
_Done = TypeVar("_Done")
_AHEAD = 2  # batches worked on while the next is read


def ahead(work: Callable[[_Rows], _Done], batches: Iterable[_Rows]) -> Iterator[_Done]:
    """`work` on each batch, in order, up to `_AHEAD` batches ahead of whoever takes them: NumPy and DuckDB let each other run.

    >>> list(ahead(lambda n: n * n, range(4)))
    [0, 1, 4, 9]
    """
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[_Done]] = deque()
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
