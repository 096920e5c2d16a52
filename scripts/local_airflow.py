"""What every local Airflow of this repository is started with: its own home, this folder's DAGs, nothing sent out."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "examples" / "aurora" / "sentinela.yaml"
SAMPLE_LAST_DAY = date(2026, 9, 30)
SAMPLE_NOW = "1790825400"  # 2026-10-01 00:30 in São Paulo: to the sample, September is the past and October is not

LINEAGE = {
    "NAMESPACE": "sentinela",
    "EXTRACTORS": "jobs.lineage.Extractor",
    "DISABLE_SOURCE_CODE": "True",
    "EXECUTE_IN_THREAD": "True",
}


def environment(home: Path, **more: str) -> dict[str, str]:
    """The process environment with the Airflow settings of `home`; `more` and the rest give way to what is set already.

    Settings are the sample's unless SENTINELA_CONFIG names others. The sample lives in its own present, so that it
    gives the same report whatever the clock says.
    """
    settings = Path(os.environ.get("SENTINELA_CONFIG") or SAMPLE).expanduser().resolve()
    for name in ("NO_PROXY", "no_proxy"):  # the processes talk to each other on loopback, whatever proxy there is
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
    return {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        **({"SOURCE_DATE_EPOCH": SAMPLE_NOW} if settings == SAMPLE else {}),
        **{f"AIRFLOW__OPENLINEAGE__{name}": value for name, value in LINEAGE.items()},
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": f"{home}/logs/lineage"}),
        **more,
        **os.environ,
        "SENTINELA_CONFIG": str(settings),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
