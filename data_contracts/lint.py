"""Check every contract file against the published ODCS JSON schema: `python -m data_contracts.lint`."""

from __future__ import annotations

import json
import sys

import jsonschema
from open_data_contract_standard.model import OpenDataContractStandard

from data_contracts import FOLDER, SUFFIX, ContractError, contract, names
from data_contracts.odcs import SOURCES
from data_contracts.parse import parse


def problems() -> list[str]:
    """One line a violation, naming the file and the place in it; empty when all contracts are sound."""
    validator = jsonschema.Draft201909Validator(json.loads(OpenDataContractStandard.json_schema()))  # type: ignore[no-untyped-call]
    found = []
    for name in names():
        document = parse(FOLDER / f"{name}{SUFFIX}")
        for error in validator.iter_errors(document):
            place = "/".join(str(part) for part in error.absolute_path)
            found.append(f"{name}{SUFFIX}: {place}: {error.message}")
        try:
            if contract(name).name != name:
                found.append(f"{name}{SUFFIX}: name: must be {name!r}, the name of the file")
            found += _unknown_sources(name)
        except (ContractError, LookupError, TypeError, ValueError) as fault:
            found.append(f"{name}{SUFFIX}: nothing can be derived from it: {fault!r}")
    return found


def _unknown_sources(name: str) -> list[str]:
    return [
        f"{name}{SUFFIX}: {column}: {SOURCES}: there is no column {dataset}.{source}"
        for column, sources in contract(name).sources.items()
        for dataset, source in sources
        if dataset not in names() or source not in contract(dataset).columns
    ]


if __name__ == "__main__":
    for problem in problems():
        print(problem, file=sys.stderr)
    sys.exit(1 if problems() else 0)
