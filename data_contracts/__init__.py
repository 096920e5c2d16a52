"""The contracts: what every dataset holds, who owns it and which rules it keeps.

One Open Data Contract Standard file a dataset lies beside this module and is the only place where a column is
declared. odcs.py reads them: the Arrow schema and the Great Expectations suite are derived there. Nothing of ours is
imported, and no data is read.
"""

from data_contracts.odcs import (
    ARROW_TYPES,
    FOLDER,
    SUFFIX,
    Contract,
    ContractError,
    Rule,
    contract,
    great_expectations,
    names,
    schema,
    suite,
)

__all__ = [
    "ARROW_TYPES",
    "FOLDER",
    "SUFFIX",
    "Contract",
    "ContractError",
    "Rule",
    "contract",
    "great_expectations",
    "names",
    "schema",
    "suite",
]
