"""When is a class done? A queue of submissions before workers that start, work one at a time, and may be lost.

Every submission takes what was drawn for it. A lost worker's submission goes back to the front of the queue; the worker
comes back after a while, or not at all. Nothing else is modelled: no network, no contention between workers.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Worker:
    """One worker: ready after `start`; lost at `lost_at`; ready again `back_after` later, if ever."""

    start: float = 0.0
    lost_at: float | None = None
    back_after: float | None = None


@dataclass(frozen=True)
class Done:
    """How a simulated run went."""

    seconds: float
    executions: int
    """Submissions begun; more than there are where workers were lost."""


def simulate(services: Sequence[float], workers: Sequence[Worker], *, notice: float = 0.0) -> Done:
    """`services`: seconds of each submission, in order. `notice`: until a loss is noticed."""
    queue = deque(services)
    free = [(worker.start, number) for number, worker in enumerate(workers)]
    heapq.heapify(free)
    lost = {number: worker.lost_at for number, worker in enumerate(workers) if worker.lost_at is not None}
    returning: list[tuple[float, float]] = []
    """Submissions that come back to the queue, and when."""
    end, executions = 0.0, 0
    while queue or returning:
        if not free:
            raise ValueError("every worker was lost")
        now, number = heapq.heappop(free)
        while returning and returning[0][0] <= now:
            queue.appendleft(heapq.heappop(returning)[1])
        if not queue:
            heapq.heappush(free, (returning[0][0], number))
            continue
        service = queue.popleft()
        executions += 1
        gone = lost.get(number)
        if gone is not None and gone < now + service:
            heapq.heappush(returning, (max(gone, now) + notice, service))
            del lost[number]
            if (back := workers[number].back_after) is not None:
                heapq.heappush(free, (max(gone, now) + back, number))
            continue
        end = max(end, now + service)
        heapq.heappush(free, (now + service, number))
    return Done(end, executions)


@dataclass(frozen=True)
class Plan:
    """A kind of deployment."""

    workers: int
    start: float
    """Seconds until a worker is ready: the process, the stage, the warm server."""
    losses_per_hour: float = 0.0
    """Of each worker."""
    back_after: float = 120.0
    notice: float = 1.0


def predict(
    measured: Sequence[float], count: int, plan: Plan, *, rounds: int = 20, seed: int = 1
) -> tuple[float, float]:
    """(median, 95 % of rounds) of the seconds until `count` submissions drawn from the measured ones are executed."""
    chance = random.Random(seed)
    ends = []
    for _ in range(rounds):
        services = chance.choices(measured, k=count)
        workers = [
            Worker(
                plan.start,
                chance.expovariate(plan.losses_per_hour / 3600) if plan.losses_per_hour else None,
                plan.back_after,
            )
            for _ in range(plan.workers)
        ]
        ends.append(simulate(services, workers, notice=plan.notice).seconds)
    ends.sort()
    return ends[len(ends) // 2], ends[min(len(ends) - 1, int(len(ends) * 0.95))]


def workers_needed(measured: Sequence[float], count: int, within: float, plan: Plan) -> int | None:
    """The fewest workers that are done in time in 95 % of rounds; null where the longest alone takes too long."""
    fewest = max(1, int(count * sum(measured) / len(measured) / within))
    for workers in range(fewest, 40 * fewest + 2):
        step = Plan(workers, plan.start, plan.losses_per_hour, plan.back_after, plan.notice)
        if predict(measured, count, step, rounds=5)[1] <= within:
            return workers
    return None


def per_machine(cores: int, memory_gb: float, *, server_gb: float, notebook_gb: float, system_gb: float = 1.0) -> int:
    """Workers that fit: one a core, as long as each can have its warm server and a notebook's limit."""
    return max(0, min(cores, int((memory_gb - system_gb) / (server_gb + notebook_gb))))
