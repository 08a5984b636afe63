#!/usr/bin/env python3
"""Reads verdicts of the gate with xmlschema and jsonschema alone, and prints what they say as JSON: `junit FILE SCHEMA` and
`json FILE SCHEMA`. `takes_anything` is whether the schema takes the same document with something in it that does not belong there.
`junit-10.xsd` beside this file is the schema of Jenkins' xUnit plugin (MIT, its licence is in it), unchanged from pytest 8.4.2's tests.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree


def read_junit(path, schema_path):
    import xmlschema

    schema = xmlschema.XMLSchema(schema_path)
    schema.validate(path)
    root = ElementTree.parse(path).getroot()
    kinds = ("failure", "error", "skipped")
    cases = []
    for suite in root.iter("testsuite"):
        found = {kind: len(suite.findall(f"testcase/{kind}")) for kind in kinds}
        told = {"failure": suite.get("failures"), "error": suite.get("errors"), "skipped": suite.get("skipped")}
        assert {kind: str(number) for kind, number in found.items()} == told, (found, told)
        assert suite.get("tests") == str(len(suite.findall("testcase"))), suite.get("name")
        for case in suite.findall("testcase"):
            bad = [child for child in case if child.tag in kinds]
            status = bad[0].tag if bad else "passed"
            message = bad[0].get("message") if bad else None
            cases.append({"suite": suite.get("name"), "name": case.get("name"), "status": status, "message": message})
    root.set("surprise", "1")
    return {"cases": cases, "takes_anything": schema.is_valid(ElementTree.ElementTree(root))}


def read_json(path, schema_path):
    import jsonschema

    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    with open(path, encoding="utf-8") as file:
        verdict = json.load(file)
    validator.validate(verdict)
    first = verdict["judged"][0]
    wrong = [
        {**verdict, "surprise": 1},
        {**verdict, "outcome": "maybe"},
        {**verdict, "judged": [{**first, "p": 1.5}]},
        {**verdict, "judged": [{key: first[key] for key in first if key != "unit"}]},
    ]
    return {"verdict": verdict, "takes_anything": any(validator.is_valid(one) for one in wrong)}


if __name__ == "__main__":
    read = {"junit": read_junit, "json": read_json}[sys.argv[1]]
    print(json.dumps(read(*sys.argv[2:])))
