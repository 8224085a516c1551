"""Run inside the suite's own environment: reads a subunit stream, writes one JSON object a test."""

import json
import sys

import subunit
from testtools import StreamToDict

found = {}


def seen(test):
    if test["status"] == "exists":
        return
    details = {
        name: content.as_text()[-4000:] for name, content in test["details"].items() if name in ("traceback", "reason")
    }
    found[test["id"]] = {"id": test["id"], "status": test["status"], **details}


result = StreamToDict(seen)
stream = subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout")
result.startTestRun()
stream.run(result)
result.stopTestRun()
for one in found.values():
    if one["id"] != "stdout":
        print(json.dumps(one))
