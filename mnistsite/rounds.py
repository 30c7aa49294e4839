"""Turns of uploads in the event loop's own thread, a few in each of its rounds.

Between rounds the loop reads what has come meanwhile, and refuses what cannot wait. Between any
two uploads that would take as long as a tenth of one. It also accepts one connection, no more
(libuv), so rounds are short while there are new ones: a crowd would be let in for ten seconds.
"""

import asyncio
import collections
import contextvars
import time
from collections.abc import Callable

ROUND_S = 0.005

_queue = collections.deque()  # what waits for the next round: work, upload, future
_context = contextvars.copy_context()  # of all uploads: in one of its own each would connect anew
_began_at = None  # this round, if anything was done in it
_hurried = False  # whether the next one is to be short


def hurry() -> None:
    """Say that somebody came; there may be others who wait to be let in."""
    global _hurried
    _hurried = True


async def in_turn(work: Callable, upload: dict):
    """Do this work for an upload: at once in this round of the loop, or in one that follows."""
    loop = asyncio.get_running_loop()
    if _began_at is None:
        _begin(loop)
    if not _queue and time.monotonic() < _began_at + ROUND_S:
        return _context.run(work, upload)
    answered = loop.create_future()
    _queue.append((work, upload, answered))
    return await answered


def _begin(loop) -> None:
    global _began_at
    _began_at = time.monotonic()
    loop.call_soon(_end, loop)


def _end(loop) -> None:
    """The loop has been round: answer those that wait, for as long as a round may take."""
    global _began_at, _hurried
    _began_at = None
    if _queue:
        _begin(loop)
    most, _hurried = 1 if _hurried else len(_queue), False
    while most and _queue and time.monotonic() < _began_at + ROUND_S:
        most -= 1
        work, upload, answered = _queue.popleft()
        if not answered.done():
            try:
                answered.set_result(_context.run(work, upload))
            except Exception as error:
                answered.set_exception(error)
