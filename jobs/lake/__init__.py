"""The lake: Delta tables at one root, local or in an object store, written by a writer of our own.

table.py commits and is refused, writer.py writes files, query.py reads them with DuckDB, state.py keeps what is no
data. probe.py tries the store before the first table, vacuum.py deletes what no reader needs, faults.py words what is
wrong with the place. What the columns are does not belong here: `data_contracts` says that. `deltalake` is imported
here alone.
"""
