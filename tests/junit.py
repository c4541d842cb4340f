# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts a ctest JUnit report: first line "PASSED FAILED SKIPPED", then one line for each failure and each skip."""

import sys
import xml.etree.ElementTree as tree


def last_line(case):
    text = (case.findtext("system-out") or "").strip()
    return text.splitlines()[-1] if text else "no reason given"


def main():
    passed, lines = 0, []
    for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            lines.append(f"skip {name}: {last_line(case)}")
        elif case.find("failure") is not None or status != "run":
            lines.append(f"fail {name}")
        else:
            passed += 1
    failed = sum(line.startswith("fail ") for line in lines)
    print(passed, failed, len(lines) - failed)
    print("\n".join(lines))


main()
