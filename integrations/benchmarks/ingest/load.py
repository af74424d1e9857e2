"""The callers of the benchmark, in a process of their own: eight at once, each with a connection kept open.

Reads one JSON line with ``port``, ``calls`` (path, headers, body file and offsets) from its input and answers with the
milliseconds of every call and the statuses that were not 200.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Make the calls of a task and time them."""
    bodies = Path(task["bodies"]).read_bytes()
    todo = iter(task["calls"])
    lock = threading.Lock()
    times: list[float] = []
    refused: list[int] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", task["port"], timeout=60)
        while True:
            with lock:
                call = next(todo, None)
            if call is None:
                connection.close()
                return
            start, end = call["span"]
            began = time.perf_counter()
            connection.request("POST", task["path"], body=bodies[start:end], headers=call["headers"])
            response = connection.getresponse()
            response.read()
            times.append((time.perf_counter() - began) * 1000)
            if response.status != 200:
                refused.append(response.status)

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(task["concurrency"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - began, "ms": times, "refused": refused}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(json.loads(sys.stdin.readline()))))
