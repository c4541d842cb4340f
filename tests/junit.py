# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts a ctest JUnit report: first line "PASSED FAILED SKIPPED", then one line for each failure and each skip.

    junit.py REPORT [AGAIN]      AGAIN: of those that failed, each by itself; it need not be there
"""
import os
import sys
import xml.etree.ElementTree as tree


def last_line(case):
    text = (case.findtext("system-out") or "").strip()
    return text.splitlines()[-1] if text else "no reason given"


def outcomes(path):
    """{name: (outcome, the line about it)}"""
    found = {}
    for case in tree.parse(path).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            found[name] = "skip", f"skip {name}: {last_line(case)}"
        elif case.find("failure") is not None or status != "run":
            found[name] = "fail", f"fail {name}"
        else:
            found[name] = "pass", None
    return found


def main():
    found = outcomes(sys.argv[1])
    if len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
        for name, (outcome, _) in outcomes(sys.argv[2]).items():
            if outcome == "pass" and found[name][0] == "fail":
                found[name] = "pass", f"unsteady {name}: failed beside others, passed by itself"
    print(*(sum(outcome == wanted for outcome, _ in found.values()) for wanted in ("pass", "fail", "skip")))
    for _, line in found.values():
        if line:
            print(line)


main()
