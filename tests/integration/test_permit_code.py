#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sealed permits and their code; and what is left of a permit when the agent is killed at any of its writes."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

import fakeroot
from fakeroot import Machine, VarlinkError, eventually, policy
from permit_fixture import SERIAL, STICK, STORE, PermitMixin, PermitTest

CODE, WRONG = "7K2M9QRT0XYZABCD", "7K2M9QRT0XYZABCE"


def activation(id, code=CODE):
    return f"activation: 'sha256:{hashlib.sha256(f'{id}:{code}'.encode()).hexdigest()}'\n"


class Code(PermitTest):
    def sealed(self, id="p1", code=CODE, **options):
        return self.install(self.permit(id, more=activation(id, code), **options))

    def wrong(self, left, id="p1"):
        self.assertEqual(self.refused("ActivatePermit", "code", id=id, code=WRONG)["tries"], left)

    def test_the_right_code(self):
        self.assertEqual(self.sealed()["state"], "sealed")
        self.assertFalse(self.is_open())
        self.wrong(4)
        for form in ("", "7K2M", CODE + "0", "７K2M9QRT0XYZABCD", "7K2M9QRT0XYZABCU"):
            self.assertEqual(self.refused("ActivatePermit", "form", id="p1", code=form)["tries"], 4)
        self.assertFalse(self.is_open())
        p = self.machine.call("ActivatePermit", id="p1", code="7k2m-9qrt oxyz-abcd")["permit"]
        self.assertEqual(p["state"], "live")
        self.until(True)
        self.refused("ActivatePermit", "state", id="p1", code=CODE)
        self.assertEqual([r["outcome"] for r in self.records()], ["installed", "refused", "activated", "used"])
        self.assertNotIn(CODE.encode(), self.machine.record_file.read_bytes() + self.machine.log.read_bytes())

    def test_five_wrong_ones(self):
        self.sealed()
        for left in (4, 3, 2, 1, 0):
            self.wrong(left)
            self.machine.kill()
            self.machine.start()
        self.assertEqual(self.state(), ("lapsed", "tries"))
        self.refused("ActivatePermit", "state", id="p1", code=CODE)
        self.install_refused("known", self.permit(more=activation("p1")))
        self.assertFalse(self.is_open())

    def test_a_code_is_one_permits(self):
        self.sealed()
        self.sealed("p2", "0000000000000000")
        self.refused("ActivatePermit", "code", id="p2", code=CODE)
        self.refused("ActivatePermit", "unknown", id="p3", code=CODE)
        self.machine.call("ActivatePermit", id="p1", code=CODE)
        self.until(True)

    def as_nobody(self, method, **parameters):
        """The name of the error, or None."""
        self.machine.root.chmod(0o755)
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            try:
                self.machine.call(method, **parameters)
                os._exit(0)
            except VarlinkError as e:
                os._exit(1 if e.name.endswith("PermissionDenied") else 2 if e.parameters.get("reason") == "user" else 3)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_who_may(self):
        self.sealed()
        self.sealed("p2", users="[nobody]")
        self.sealed("p3", users="['group:nogroup']")
        for method, parameters in (("ListPermits", {}), ("InstallPermit", {"text": "", "signatures": ""}),
                                   ("ClosePermit", {"id": "p1", "by": "x", "returned": True, "erased": True})):
            self.assertEqual(self.as_nobody(method, **parameters), 1, method)
        self.assertEqual(self.as_nobody("ActivatePermit", id="p1", code=WRONG), 2)
        self.assertEqual(self.permits()["p1"]["tries"], 0, "strangers cost no try")
        self.assertEqual(self.as_nobody("ActivatePermit", id="p2", code=CODE), 0)
        self.assertEqual(self.as_nobody("ActivatePermit", id="p3", code=CODE), 0)


class Killed(PermitMixin, unittest.TestCase):
    """The agent is killed at each of its writes while it takes a permit in and opens its medium, or while it looks at a
    code. Afterwards it is the one or the other, and never used twice."""

    CALLS = ("fsync", "fdatasync", "pwrite64", "renameat")  # pwrite64: the file ahead, O_DSYNC

    def setUp(self):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        self.machine = self.base = Machine()
        self.addCleanup(self.base.close)
        self.make_keys()
        self.base.ship(policy())
        self.base.plug("1-2", *STICK, serial=SERIAL)
        self.base.start()
        self.trust()
        self.digest_of_stick = self.digest("1-2")
        self.text = self.permit()
        self.sealed_text = self.permit("p2", more=activation("p2"))
        self.install(self.sealed_text)
        self.base.stop()

    def copy(self):
        m = Machine()
        m.ship(policy())
        m.plug("1-2", *STICK, serial=SERIAL)
        shutil.rmtree(m.root / "var")
        shutil.copytree(self.base.root / "var", m.root / "var")
        m.start()
        m.settled("1-2")
        time.sleep(0.1)  # the batch is written
        return m

    def traced(self, m, call, *options):
        tracer = subprocess.Popen(["strace", "-qq", "-p", str(m.agent.pid), *options], stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: f"TracerPid:\t{tracer.pid}\n" in
                       pathlib.Path(f"/proc/{m.agent.pid}/status").read_text())
            return call(m)
        except (OSError, EOFError):
            return None
        finally:
            m.kill()
            tracer.wait()

    def points(self, call):
        m = self.copy()
        try:
            trace = m.root / "trace"
            self.traced(m, call, "-o", trace, "-e", "trace=" + ",".join(self.CALLS))
            names = re.findall(r"^([a-z_0-9]+)\(", trace.read_text(), re.M)
            return [(name, names[:n + 1].count(name)) for n, name in enumerate(names)]
        finally:
            m.close()

    def lives(self, m):
        return {p.stem: json.loads(p.read_text()) for p in (m.root / STORE).glob("[!.]*.json")}

    def run_all(self, call, look):
        points = self.points(call)
        if "SEKISHO_LONG" not in os.environ and len(points) > 10:
            points = points[::2]
        self.assertGreater(len(points), 3)

        def one(point):
            m = self.copy()
            try:
                answer = self.traced(m, call, "-e", f"inject={point[0]}:signal=KILL:when={point[1]}")
                return (point, *look(m, answer))
            finally:
                m.close()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, points))

    def test_taking_in_and_opening(self):
        signatures = self.signatures(self.text, "kacho")

        def call(m):
            answer = m.call("InstallPermit", text=self.text, signatures=signatures)
            eventually(lambda: m.open("1-2"), seconds=5)
            return answer

        def look(m, answer):
            opened, life = m.open("1-2"), self.lives(m).get("p1", {}).get("state")
            said = [r["unmapped"]["sekisho"]["permit"]["outcome"] for r in m.record()
                    if r["metadata"]["event_code"].startswith("permit-")]
            m.start()
            again = m.settled("1-2")["open"]
            listed = {p["id"]: p["state"] for p in m.call("ListPermits")["permits"]}.get("p1")
            try:
                m.call("InstallPermit", text=self.text, signatures=signatures)
                taken = True
            except VarlinkError as e:
                taken = e.parameters["reason"]
            eventually(lambda: m.open("1-2"), "in the end the permit opens it, once")
            self.assertNotIn("permits-damaged", m.attention())
            return opened, life, said, again, listed, taken
        rows = self.run_all(call, look)
        for row in rows:
            _, opened, life, said, again, listed, taken = row
            self.assertTrue(not opened or (life == "live" and "used" in said), f"open before it was said: {row}")
            self.assertEqual(again, life in ("ready", "live"), row)
            self.assertEqual(listed, "live" if life in ("ready", "live") else None, row)
            self.assertEqual(taken, "known" if life else True, row)
        lives = [row[2] for row in rows]
        self.assertTrue(None in lives and "live" in lives, lives)
        self.assertTrue(any(row[2] == "live" and not row[1] for row in rows), "between the disk and the door")

    def test_a_try(self):
        def call(m):
            try:
                m.call("ActivatePermit", id="p2", code=WRONG)
            except VarlinkError as e:
                return e.parameters["tries"]
            return None

        def look(m, answer):
            tries = self.lives(m)["p2"]["tries"]
            m.start()
            listed = {p["id"]: p for p in m.call("ListPermits")["permits"]}["p2"]
            return answer, tries, listed["tries"], listed["state"]
        rows = self.run_all(call, look)
        for row in rows:
            _, answer, tries, listed, state = row
            self.assertEqual((tries, state), (listed, "sealed"), row)
            self.assertTrue(answer is None or tries == 1, f"an answer before the count: {row}")
        self.assertEqual({row[2] for row in rows}, {0, 1}, "some were killed before the count, some after")


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
