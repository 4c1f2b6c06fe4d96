"""The image's own health check: whether this container answers where its role listens, the web page or its metrics.

It asks for life only. Whether work is done is watched by the processes themselves, and told by their metrics.
"""

import http.client
import os
import sys

SECONDS = 3.0
PLACES = (
    (os.environ.get("COPYTASTER_WEB__PORT", "8750"), "/health/live"),
    (os.environ.get("COPYTASTER_METRICS__PORT", "9464"), "/metrics"),
)


def answers(port: str, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not any(answers(*place) for place in PLACES))
