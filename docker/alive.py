"""Whether the job that the command line names is alive in this container; exit code 0 if it is.

`airflow jobs check` asks the same and takes ten times as long, most of it its own start, every minute of the day.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import psycopg2

ALIVE = """
    SELECT count(*) FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'
    AND latest_heartbeat > now() - interval '1 minute'
"""


def own_name() -> str:
    """What Airflow's jobs call this host; socket.getfqdn() says `localhost` where its address is called that, too."""
    name = socket.gethostname()
    try:
        found = socket.getaddrinfo(name, None, 0, socket.SOCK_DGRAM, 0, socket.AI_CANONNAME)
    except OSError:
        return name
    return next((canonical for *_, canonical, _ in found if canonical), name)


def main() -> int:
    """Ask Airflow's database."""
    address = Path("/run/secrets/database_url").read_text().strip().replace("+psycopg2", "")
    with psycopg2.connect(address, connect_timeout=10) as connection, connection.cursor() as cursor:
        cursor.execute(ALIVE, (sys.argv[1], own_name()))
        return 0 if cursor.fetchall()[0][0] else 1


if __name__ == "__main__":
    sys.exit(main())
