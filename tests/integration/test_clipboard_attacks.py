#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard among programs that lie, hang, flood and pretend; and what happens when it is killed."""
import fakeroot
from fakeroot import eventually
from x11lab import SessionTest, clipboard

import os
import pathlib
import signal
import subprocess
import time


class Attacks(SessionTest):
    def own(self, zone, mode, size, **environment):
        process = self.program(zone, "own", mode, size, **environment)
        self.assertTrue(self.said(process)["owned"])
        time.sleep(0.2)  # as people do; what is asked at once is measured by tests/bench/bench_clipboard
        return process

    def memory(self):
        status = pathlib.Path(f"/proc/{self.helper.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def lives(self):
        self.assertIsNone(self.helper.poll(), self.helper_log())
        self.settle(self.copy("office", b"still here"))
        self.assertEqual(self.paste("office"), b"still here")

    def test_an_owner_that_lies_about_its_size(self):
        self.settle(self.own("juminhyo", "lies", 3_000_000))
        self.assertEqual(len(self.paste("juminhyo")), 3_000_000)
        self.assertFalse(self.paste("office"), "it is over the flow's size, whatever it was said to be")
        self.lives()

    def test_a_gigabyte(self):
        before = self.memory()
        owner = self.own("office", "piecewise", 1 << 30)
        got = self.paste("office", timeout=120)
        self.assertFalse(got, f"it is more than is held of one copy: {len(got or b'')} bytes")
        self.assertLess(self.memory() - before, 1 << 20, "the whole of it was held")
        refused = eventually(lambda: next((p["paste"] for p in self.pastes() if p["paste"]["from"] == "office"), None), "the record")
        self.assertEqual((refused["to"], refused["types"], refused["bytes"]), ("office", ["text"], (512 << 20) + 1))
        owner.kill()
        self.lives()
        eventually(lambda: self.memory() - before < 400_000, "but for what the sanitizer keeps, the memory is given back", 30)

    def test_an_owner_that_never_answers(self):
        self.own("juminhyo", "silent", 10)
        start = time.monotonic()
        self.assertFalse(self.paste("juminhyo"))
        self.assertLess(time.monotonic() - start, 15)
        self.lives()

    def test_a_requestor_that_never_finishes(self):
        data = os.urandom(5_000_000)
        self.settle(self.copy("juminhyo", data))
        stuck = [self.program("juminhyo", "ask", "UTF8_STRING", "stuck") for _ in range(5)]
        for process in stuck:
            self.assertIn("INCR", self.said(process)["got"])
        self.assertEqual(self.paste("juminhyo"), data, "others are served meanwhile")
        for process in stuck:
            process.kill()
        self.lives()

    def test_ten_thousand_owners_a_second(self):
        process = self.program("office", "storm", 30_000)
        said = self.said(process)
        rate = said["count"] / said["seconds"]
        print(f"{rate:.0f} owner changes a second")
        self.assertGreater(rate, 10_000)
        process.wait(timeout=30)
        self.lives()

    def test_forged_names_mean_nothing(self):
        real = self.copy("juminhyo", b"secret")
        self.settle(real)
        forged = {"NAME": "juminhyo", "PID": str(self.helper.pid)}
        for zone, got in (("outside", None), ("juminhyo", "secret")):
            process = self.program(zone, "ask", "UTF8_STRING", "forged", **forged)
            self.assertEqual(self.said(process)["got"], got, zone)
        # An owner that pretends is in no zone either.
        owner = self.own("outside", "plain", 20, **forged)
        self.settle(owner)
        self.assertFalse(self.paste("juminhyo"))

    def test_another_file_under_the_same_path(self):
        """In a mount namespace of its own a program has the path of one of a zone, and is another."""
        self.settle(self.copy("juminhyo", b"secret"))
        inside = self.programs / "juminhyo" / "xclip"
        command = ["unshare", "-m", "sh", "-c", f"mount --bind {self.programs}/outside/xclip {inside} && exec {inside} -o "
                   "-selection clipboard"]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=False)
        if b"mount" in done.stderr or b"unshare" in done.stderr:
            self.skipTest("no mount namespaces here")
        self.assertNotIn(b"secret", done.stdout)
        self.assertEqual(self.paste("juminhyo"), b"secret")

    def test_multiple(self):
        self.settle(self.copy("juminhyo", b"text"))
        said = self.said(self.program("office", "ask", "x", "multiple"))
        self.assertEqual(said, {"given": [True, False, True], "text": "text"})
        said = self.said(self.program("outside", "ask", "x", "multiple"))
        self.assertEqual(said, {"given": [False, False, True], "text": None})
        hostile = self.program("office", "ask", "x", "hostile-list")
        for _ in range(5):
            self.assertIsNone(self.said(hostile)["got"])
        self.lives()

    def test_the_root_window_asks(self):
        """A transfer to the root window would end what is watched there."""
        self.settle(self.copy("outside", b"x" * 10))
        data = os.urandom(3_000_000)
        self.settle(self.copy("juminhyo", data))
        self.assertEqual(self.said(self.program("outside", "root", 2)), {"refused": 2})
        self.assertTrue(self.helped(), "cut buffers are emptied")
        self.assertEqual(self.paste("juminhyo"), data)

    def test_killed_in_the_middle(self):
        self.settle(self.copy("juminhyo", os.urandom(5_000_000)))
        self.assertIn("INCR", self.said(self.program("juminhyo", "ask", "UTF8_STRING", "stuck"))["got"])
        self.helper.kill()
        self.helper.wait()
        for zone in ("juminhyo", "outside"):
            self.assertFalse(self.paste(zone), "nothing is left of it")
        self.start_helper()
        self.lives()

    def test_the_agent_goes(self):
        self.settle(self.copy("office", b"text"))
        self.assertEqual(self.paste("office"), b"text")
        self.machine.kill()
        eventually(lambda: not self.paste("office"), "nothing passes without the agent", 20)
        self.settle(self.copy("office", b"text"))
        self.assertFalse(self.paste("office"))
        self.machine.start()

        def passes():
            self.settle(self.copy("office", b"again"))
            return self.paste("office") == b"again"
        eventually(passes, "the agent is back")


class Clearing(SessionTest):
    CLEAR = "2s"

    def test_clear_after(self):
        self.settle(self.copy("office", b"short-lived"))
        self.assertEqual(self.paste("office"), b"short-lived")
        eventually(lambda: not self.paste("office"), "it is cleared", 15)
        # Another program brings it back, as a clipboard manager does.
        self.settle(self.copy("juminhyo", b"short-lived"))
        self.assertFalse(self.paste("juminhyo"), "what was cleared stays cleared")
        self.settle(self.copy("juminhyo", b"something else"))
        self.assertEqual(self.paste("juminhyo"), b"something else")
        # The program that it came from may copy it again: that is a person.
        self.settle(self.copy("office", b"short-lived"))
        self.assertEqual(self.paste("office"), b"short-lived")


class ClearingLater(SessionTest):
    def test_a_new_policy_clears_what_is_held(self):
        self.settle(self.copy("office", b"old"))
        time.sleep(2)
        self.assertEqual(self.paste("office"), b"old")
        self.machine.install(fakeroot.policy(serial=2) + clipboard(self.FLOWS, clear="3s", where=self.programs))
        eventually(lambda: not self.paste("office"), "it is cleared", 15)
        self.settle(self.copy("office", b"new"))
        self.assertEqual(self.paste("office"), b"new")


class Limited(SessionTest):
    FLOWS = ("from: office, to: office, allow: [text], max-bytes: 1000",)

    def test_more_than_any_flow_lets_pass(self):
        self.settle(self.copy("office", b"x" * 5000))
        self.assertFalse(self.paste("office"))
        paste = eventually(self.pastes, "the record")[0]["paste"]
        self.assertEqual(paste["bytes"], 1001, "at least so many, and no made-up number")


class Observing(SessionTest):
    MODE = "observe"

    def test_all_passes_and_is_recorded(self):
        self.settle(self.copy("juminhyo", b"secret"))
        self.assertEqual(self.paste("outside"), b"secret")
        own = eventually(lambda: self.pastes("paste-observed"), "the record")[0]
        self.assertEqual((own["enforce"], own["paste"]["from"], own["paste"]["to"]), (False, "juminhyo", None))
        self.assertFalse(self.pastes())

    def helped(self):
        """Cut buffers are left alone here."""
        self.settle(self.copy("juminhyo", b"probe"))
        return self.paste("outside") == b"probe"


if __name__ == "__main__":
    fakeroot.main()
