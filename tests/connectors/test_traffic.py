"""How requests are counted."""

from __future__ import annotations

from threading import Thread
from typing import Any

from connectors.connector import Traffic


class Interrupted(dict[str, int]):
    """Counts of which a second thread counts one, too, between the first one's reading and its writing."""

    second: Thread | None = None

    def get(self, key: str, default: Any = None, /) -> Any:
        value = super().get(key, default)
        if self.second is not None and self.second.ident is None:
            self.second.start()
            self.second.join(0.1)  # it can't end while a lock keeps it out
        return value


def test_no_request_is_lost_where_threads_count_at_once() -> None:
    requests = Interrupted()
    traffic = Traffic(requests=requests)
    requests.second = Thread(target=traffic.count, args=["GET members"], kwargs={"write": True})

    traffic.count("GET members", write=True)

    requests.second.join(10)
    assert (dict(requests), traffic.writes) == ({"GET members": 2}, 2)
