"""How long each DAG file takes to parse over Airflow's own import: `python tests/benchmarks/parse.py [TRIES]`.

At most 0.3 s of CPU a file; the processor of DAGs parses each of them every minute or so, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 0.3
PROGRAM = """
import sys, time
import airflow.sdk, airflow.dag_processing.dagbag
from airflow.providers.standard.operators import hitl
before = time.process_time()
sys.path.insert(0, sys.argv[1])
exec(compile(open(sys.argv[2]).read(), sys.argv[2], "exec"), {"__name__": "parsed"})
print(time.process_time() - before)
"""


def main() -> int:
    """Print the best of some tries of each file; exit code 1 when one is above the limit."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    slow = False
    with tempfile.TemporaryDirectory() as home:
        sample = ROOT / "examples" / "aurora" / "sentinela.yaml"
        environment = {**os.environ, "AIRFLOW_HOME": home, "SENTINELA_CONFIG": str(sample)}
        for file in sorted((ROOT / "dags").glob("*.py")):
            command = [sys.executable, "-c", PROGRAM, str(file.parent), str(file)]
            seconds = min(
                float(
                    subprocess.run(
                        command, env=environment, capture_output=True, text=True, check=True
                    ).stdout.splitlines()[-1]
                )
                for _ in range(tries)
            )
            slow |= seconds > LIMIT
            print(f"{file.name:24} {seconds:6.3f} s", flush=True)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
