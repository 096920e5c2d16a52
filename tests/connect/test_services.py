"""The shipped services themselves: the schema of their files, and the table of them in the documents."""

from __future__ import annotations

import json

import jsonschema
import yaml

from jobs.declaration import SCHEMA, SHIPPED, schema_text, shipped, shipped_names
from tests.connect.services_table import PAGE, described


def test_the_published_schema_is_that_of_the_model_and_of_every_file() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for name in shipped_names():
        validator.validate(yaml.safe_load((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")))
        assert shipped(name).name == name


def test_the_table_of_services_in_the_documents_is_theirs() -> None:
    assert described() in PAGE.read_text(encoding="utf-8"), "run python -m tests.connect.services_table"
