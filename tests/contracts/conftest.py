from data_contracts import great_expectations

# Before any test imports it by its name: not so, PySpark's Connect would end a worker of pytest-xdist (see there).
great_expectations()
