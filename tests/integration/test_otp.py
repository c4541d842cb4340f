#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The verifier as a whole: who gets in, who does not, what is said, what is recorded."""
import json
import os
import socket
import time
import unittest

from otp_fixture import MONDAY_NOON, Client, Machine, OtpError, totp

NOBODY = 65534


class Verifier(unittest.TestCase):
    extra = ""
    mode = "enforce"

    def setUp(self):
        self.m = Machine(extra=self.extra, mode=self.mode)
        self.addCleanup(self.m.close)
        self.m.clock(MONDAY_NOON, 1000)
        self.m.start()

    def last(self, **wanted):
        """The newest record whose login part has these values."""
        time.sleep(0.1)
        for record in reversed(self.m.records()):
            own = record["unmapped"]["sekisho"]
            if all({**own, **own.get("login", {}), **record}.get(k) == v for k, v in wanted.items()):
                return record
        self.fail(f"no record with {wanted} among {self.m.records()[-3:]}")

    def assert_error(self, name, method, **parameters):
        with self.assertRaises(OtpError) as raised:
            self.m.call(method, **parameters)
        self.assertEqual(raised.exception.name, name)


class OneLogin(Verifier):
    def test_right_once(self):
        self.m.enroll("yamada")
        code = self.m.code("yamada")
        self.assertEqual(self.m.verify("yamada", code, tty="tty1", rhost="192.0.2.7")["reason"], "ok")
        record = self.last(outcome=None, status="Success", factor="totp")
        self.assertEqual((record["class_uid"], record["is_mfa"], record["user"]["name"]), (3002, True, "yamada"))
        own = record["unmapped"]["sekisho"]["login"]
        self.assertEqual((own["tty"], own["rhost"], own["service"]), ("tty1", "192.0.2.7", "login"))
        again = self.m.verify("yamada", code)
        self.assertEqual((again["accepted"], again["reason"]), (False, "refused"))
        self.last(detail="replayed")
        self.assertNotIn(code, json.dumps(self.m.records()))
        self.assertNotIn(self.m.secrets["yamada"]["secret"], json.dumps(self.m.records()))

    def test_skew_is_the_policys(self):
        self.m.enroll("yamada")
        self.assertFalse(self.m.login("yamada", self.m.code("yamada", -2)))
        self.assertFalse(self.m.login("yamada", self.m.code("yamada", 2)))
        self.assertTrue(self.m.login("yamada", self.m.code("yamada", -1)))
        self.assertTrue(self.m.login("yamada", self.m.code("yamada", 1)))
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")), "older than the one accepted before")

    def test_length_is_the_enrolled_one(self):
        self.m.enroll("yamada", digits=8, algorithm="sha256")
        code = self.m.code("yamada")
        self.assertEqual(len(code), 8)
        self.assertFalse(self.m.login("yamada", code[2:]))
        self.assertFalse(self.m.login("yamada", code[:6]))
        self.assertTrue(self.m.login("yamada", code))

    def test_full_width(self):
        self.m.enroll("yamada")
        code = self.m.code("yamada")
        wide = " " + "".join(chr(ord(c) + 0xFEE0) for c in code[:3]) + "ー" + code[3:] + " "
        self.assertTrue(self.m.login("yamada", wide))

    def test_empty_is_not_charged(self):
        self.m.enroll("yamada")
        for code in ("", " ", "　", "-"):
            self.assertFalse(self.m.login("yamada", code))
        self.assertEqual(self.m.user("yamada")["failures"], 0)
        self.assertFalse(self.m.login("yamada", self.m.wrong("yamada")))
        self.assertEqual(self.m.user("yamada")["failures"], 1)

    def test_nothing_tells_who_exists(self):
        self.m.enroll("yamada")
        answers = {json.dumps(self.m.verify(*who), sort_keys=True) for who in
                   (("yamada", self.m.wrong("yamada")), ("suzuki", "123456"), ("nobody-here", "123456"))}
        decoys = {json.dumps(self.m.verify(user, "123456", decoy=True), sort_keys=True)
                  for user in ("yamada", "suzuki", "gyosha", "kinkyu", "nobody-here")}
        self.assertEqual(len(answers | decoys), 1)
        asked = {json.dumps(self.m.call("Challenge", user=user, service="login", decoy=decoy), sort_keys=True)
                 for user in ("yamada", "suzuki", "nobody-here") for decoy in (True, False)}
        # Who needs an escort, and who is exempt, looks like everybody else until the password was right.
        asked |= {json.dumps(self.m.call("Challenge", user=user, service="login", decoy=True), sort_keys=True)
                  for user in ("gyosha", "kinkyu", "root")}
        self.assertEqual(len(asked), 1)

    def test_decoy_neither_accepts_nor_charges(self):
        self.m.enroll("yamada")
        code = self.m.code("yamada")
        for _ in range(60):
            self.assertFalse(self.m.login("yamada", code, decoy=True))
        self.assertEqual(self.m.user("yamada")["failures"], 0)
        self.assertTrue(self.m.login("yamada", code))

    def test_two_users(self):
        self.m.enroll("yamada")
        self.m.enroll("suzuki")
        self.assertFalse(self.m.login("suzuki", self.m.code("yamada")))
        self.assertTrue(self.m.login("suzuki", self.m.code("suzuki")))
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))


class Throttle(Verifier):
    def test_waits_grow_and_a_reboot_does_not_help(self):
        self.m.enroll("yamada")
        now = 1000
        for failures, wait in enumerate((0, 0, 0, 5, 15, 30, 60, 120, 240, 480, 900, 900), 1):
            self.assertFalse(self.m.login("yamada", self.m.wrong("yamada")))
            entry = self.m.user("yamada")
            self.assertEqual(entry["failures"], failures)
            self.assertAlmostEqual(entry["wait"], wait, delta=1)
            if wait:
                self.m.clock(MONDAY_NOON, now + wait - 1)
                self.assertFalse(self.m.login("yamada", self.m.code("yamada")), "right, but too early")
                self.assertEqual(self.m.user("yamada")["failures"], failures, "and not charged")
                self.m.clock(MONDAY_NOON, now + wait + 1)
            now += wait + 1
            self.m.clock(MONDAY_NOON, now)
        self.m.stop()
        self.m.boot("99999999-2222-3333-4444-555555555555")
        self.m.clock(MONDAY_NOON, 30)
        self.m.start()
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")), "the wait begins anew")
        self.m.clock(MONDAY_NOON, 30 + 899)
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")))
        self.m.clock(MONDAY_NOON, 30 + 901)
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))

    def test_stop_and_unlock(self):
        self.m.enroll("yamada")
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))
        used, now = self.m.code("yamada"), 1000
        for _ in range(50):
            now += 1000
            self.m.clock(MONDAY_NOON, now)
            self.assertFalse(self.m.login("yamada", self.m.wrong("yamada")))
        self.last(detail="wrong-code")
        self.assertEqual(self.m.user("yamada")["state"], "locked")
        self.m.clock(MONDAY_NOON + 60, now + 100000)
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")))
        self.assertTrue(any(r["metadata"]["event_code"] == "factor-locked" for r in self.m.records()))
        self.m.call("Unlock", user="yamada")
        self.assertFalse(self.m.login("yamada", used), "unlocking does not bring used codes back")
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))


class ByPolicy(Verifier):
    def test_exempt_service(self):
        self.assertFalse(self.m.call("Challenge", user="yamada", service="cron")["ask"])
        self.last(rule="timers", status="Success")
        self.assertTrue(self.m.call("Challenge", user="yamada", service="login")["ask"])

    def test_break_glass_is_loud_and_ends(self):
        self.assertFalse(self.m.call("Challenge", user="kinkyu", service="login", tty="tty1")["ask"])
        record = self.last(rule="break-glass")
        self.assertEqual((record["metadata"]["event_code"], record["severity_id"]), ("login-break-glass", 4))
        self.m.restart()
        self.assertIn("break-glass", [f["code"] for f in self.m.call("Status")["attention"]])
        self.m.clock(MONDAY_NOON + 200 * 86400, 1000)
        self.assertTrue(self.m.call("Challenge", user="kinkyu", service="login")["ask"], "past its until")

    def test_hours(self):
        self.m.enroll("kinkyu")
        self.assertTrue(self.m.login("kinkyu", self.m.code("kinkyu"), service="daytime"))
        self.m.clock(MONDAY_NOON + 6 * 3600, 1000)
        answer = self.m.verify("kinkyu", self.m.code("kinkyu"), service="daytime")
        self.assertEqual((answer["accepted"], answer["reason"]), (False, "outside-hours"))
        self.assertEqual(self.m.verify("kinkyu", "000000", service="daytime")["reason"], "refused")
        self.assertEqual(self.m.call("Account", user="kinkyu", service="daytime")["reason"], "outside-hours")

    def test_blocked(self):
        self.m.enroll("yamada")
        self.assertEqual(self.m.verify("yamada", self.m.code("yamada"), service="barred")["reason"], "blocked")
        self.assertEqual(self.m.call("Account", user="yamada", service="barred")["reason"], "blocked")
        self.assertTrue(self.m.call("Account", user="yamada", service="login")["accepted"])

    def test_sshd_by_key_alone(self):
        self.assertEqual(self.m.call("Session", user="yamada", service="sshd", interactive=False)["reason"], "key-only")
        self.assertTrue(self.m.call("Session", user="yamada", service="sshd", interactive=True)["accepted"])
        self.assertTrue(self.m.call("Session", user="kinkyu", service="sshd", interactive=False)["accepted"])

    def test_escort(self):
        for user in ("gyosha", "suzuki", "yamada"):
            self.m.enroll(user)
        self.assertTrue(self.m.call("Challenge", user="gyosha", service="login")["escort"])
        self.assertFalse(self.m.call("Challenge", user="yamada", service="login")["escort"])
        rows = (("", "", "escort-unknown"), ("yamada", None, "escort-not-listed"), ("gyosha", None, "escort-is-the-user"),
                ("futago", None, "escort-is-the-user"), ("suzuki", "000000", "escort-refused"))
        for n, (name, code, reason) in enumerate(rows):
            self.m.clock(MONDAY_NOON + 90 * n, 1000 + 1000 * n)
            own = self.m.code("gyosha" if name in ("gyosha", "futago") else name) if code is None else code
            self.assertFalse(self.m.login("gyosha", self.m.code("gyosha"), escort=name, escort_code=own), reason)
            self.last(detail=reason)
        self.m.clock(MONDAY_NOON + 900, 90000)
        self.assertFalse(self.m.login("gyosha", self.m.code("gyosha")), "no escort")
        self.m.clock(MONDAY_NOON + 960, 99000)
        code = self.m.code("suzuki")
        self.assertTrue(self.m.login("gyosha", self.m.code("gyosha"), escort="suzuki", escort_code=code))
        self.last(status="Success", escort="suzuki", rule="vendors")
        self.assertFalse(self.m.login("suzuki", code), "the escort's code is used up")

    def test_escort_is_asked_for_when_the_code_was_right(self):
        for user in ("gyosha", "suzuki"):
            self.m.enroll(user)
        wrong = self.m.verify("gyosha", self.m.wrong("gyosha"))
        self.assertEqual((wrong["reason"], "ticket" in wrong), ("refused", False), "nothing is said of an escort")
        first = self.m.verify("gyosha", self.m.code("gyosha"))
        self.assertEqual((first["accepted"], first["reason"]), (False, "escort"))
        escort = {"escort": "suzuki", "escort_code": self.m.code("suzuki")}
        for user, ticket in (("gyosha", "0" * 32), ("gyosha", first["ticket"][:-1]), ("yamada", first["ticket"])):
            self.assertFalse(self.m.verify(user, "", ticket=ticket, **escort)["accepted"], (user, ticket))
        self.assertFalse(self.m.verify("gyosha", "", ticket=first["ticket"], decoy=True, **escort)["accepted"])
        self.assertFalse(self.m.verify("gyosha", "", ticket=first["ticket"])["accepted"], "and nobody with him")
        first = self.next_ticket(1)
        escort["escort_code"] = self.m.code("suzuki")
        self.assertTrue(self.m.verify("gyosha", "", ticket=first, **escort)["accepted"])
        self.last(status="Success", escort="suzuki", factor="totp")
        self.assertFalse(self.m.verify("gyosha", "", ticket=first, **escort)["accepted"], "once")
        late = self.next_ticket(2)
        self.m.clock(MONDAY_NOON + 300, 2000 + 181 + 1000 * 2)
        escort["escort_code"] = self.m.code("suzuki")
        self.assertFalse(self.m.verify("gyosha", "", ticket=late, **escort)["accepted"], "too late")

    def next_ticket(self, n):
        self.m.clock(MONDAY_NOON + 90 * n, 2000 + 1000 * n)
        return self.m.verify("gyosha", self.m.code("gyosha"))["ticket"]

    def test_escort_cannot_be_locked_out_by_a_stranger(self):
        self.m.enroll("gyosha")
        self.m.enroll("suzuki")
        for n in range(30):
            self.m.clock(MONDAY_NOON, 1000 + 1000 * n)
            self.m.login("gyosha", self.m.wrong("gyosha"), escort="suzuki", escort_code=self.m.wrong("suzuki"))
        self.assertEqual(self.m.user("suzuki")["failures"], 0)

    def test_a_file_that_nobody_accepted(self):
        path = self.m.root / "var/lib/sekisho/policy/policy.yaml"
        path.write_text(path.read_text().replace("default: required", "default: exempt"))
        self.assertTrue(self.m.call("Challenge", user="yamada", service="login")["ask"])
        self.assertEqual(self.m.call("Status")["policy"], "last-good")
        self.m.accept(text=path.read_text().replace("serial: 1", "serial: 2"))
        self.assertFalse(self.m.call("Challenge", user="yamada", service="login")["ask"], "accepted, it holds")

    def test_no_policy_at_all(self):
        for path in (self.m.root / "var/lib/sekisho/policy").iterdir():
            path.write_text("{")
        self.m.enroll("yamada")
        self.assertEqual(self.m.call("Status")["policy"], "built-in")
        self.assertTrue(self.m.call("Challenge", user="yamada", service="login")["ask"], "who is enrolled needs a code")
        self.assertFalse(self.m.call("Challenge", user="kinkyu", service="login")["ask"], "the way in for emergencies")
        self.assertEqual(self.last(reason="no-policy")["metadata"]["event_code"], "login-break-glass")
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))


class Observed(Verifier):
    mode = "observe"

    def test_nothing_is_asked(self):
        self.assertFalse(self.m.call("Challenge", user="yamada", service="login")["ask"])
        self.assertEqual(self.last(rule=None)["metadata"]["event_code"], "login-observed")


class GuardRequired(Verifier):
    extra = "  guard-required: {except: [\"group:joho\"]}\n"

    def test_agent_dead(self):
        self.assertEqual(self.m.call("Account", user="yamada", service="login")["reason"], "guard-required")
        self.assertTrue(self.m.call("Account", user="suzuki", service="login")["accepted"], "admins pass")
        for service in ("cron", "login", "su"):
            self.assertTrue(self.m.call("Account", user="root", service=service)["accepted"], "root repairs it")
        self.assertEqual(self.m.call("Account", user="yamada", service="cron")["reason"], "guard-required")


class SelfEnrolment(Verifier):
    extra = "  enrolment: {by: self, until: 2026-11-30}\n"

    def as_uid(self, uid, method, **parameters):
        """From a process of that uid."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            try:
                with Client(self.m.socket) as c:
                    answer = {"ok": c.call(method, **parameters)}
            except OtpError as e:
                answer = {"error": e.name}
            except Exception as e:  # pylint: disable=broad-except
                answer = {"error": repr(e)}
            os.write(write, json.dumps(answer).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as f:
            text = f.read()
        os.waitpid(pid, 0)
        return json.loads(text)

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        os.chmod(self.m.root, 0o755)

    def test_window(self):
        asked = self.m.call("Challenge", user="yamada", service="login")
        self.assertEqual((asked["ask"], asked["notice"]), (False, "enrol"))
        self.assertTrue(self.m.call("Challenge", user="yamada", service="login", decoy=True)["ask"])
        mine = self.as_uid(3001, "Enroll", user="yamada")["ok"]
        self.m.secrets["yamada"] = mine
        self.assertTrue(mine["pending"])
        self.assertEqual(self.as_uid(3001, "Confirm", user="yamada", code="000000").get("error"), "WrongCode")
        self.assertEqual(self.as_uid(3001, "Confirm", user="yamada", code=self.m.code("yamada")).get("ok"), {})
        self.assertTrue(self.m.call("Challenge", user="yamada", service="login")["ask"], "from now on")
        self.assertEqual(self.as_uid(3001, "Enroll", user="yamada").get("error"), "AlreadyEnrolled")
        self.assertEqual(len(self.as_uid(3001, "Codes", user="yamada")["ok"]["codes"]), 10)
        self.m.clock(MONDAY_NOON + 30 * 86400, 1000)
        self.assertEqual(self.as_uid(3002, "Enroll", user="suzuki").get("error"), "NotPermitted")
        self.assertTrue(self.m.call("Challenge", user="suzuki", service="login")["ask"], "the window is over")

    def test_only_oneself(self):
        self.m.enroll("suzuki")
        code = self.m.code("suzuki")
        for method, parameters in (("Verify", {"service": "x", "code": code}), ("Challenge", {"service": "x"}),
                                   ("Account", {"service": "x"}), ("Session", {"service": "x"}), ("Enroll", {}),
                                   ("Codes", {}), ("Reset", {}), ("Unlock", {}), ("Confirm", {"code": code})):
            self.assertEqual(self.as_uid(3001, method, user="suzuki", **parameters).get("error"), "PermissionDenied",
                             method)
        self.assertEqual(self.as_uid(3001, "List").get("error"), "PermissionDenied")
        self.assertTrue(self.as_uid(3002, "Verify", user="suzuki", service="x", code=code)["ok"]["accepted"])

    def test_flood_by_one_uid(self):
        self.m.enroll("yamada")
        pid = os.fork()
        if pid == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            held = []
            for _ in range(300):
                try:
                    s = socket.socket(socket.AF_UNIX)
                    s.settimeout(0.2)
                    s.connect(str(self.m.socket))
                    s.send(b"{\"method\":")
                    held.append(s)
                except OSError:
                    pass
            time.sleep(30)
            os._exit(0)
        self.assert_login_goes_on(pid)

    def assert_login_goes_on(self, *pids):
        try:
            time.sleep(1)
            began = time.monotonic()
            self.assertTrue(self.m.login("yamada", self.m.code("yamada")))
            self.assertLess(time.monotonic() - began, 5)
        finally:
            for pid in pids:
                os.kill(pid, 9)
                os.waitpid(pid, 0)

    def test_flood_of_whole_calls(self):
        """Not half a message that is held, but as many calls as the verifier takes, from as many processes."""
        self.m.enroll("yamada")
        pids = []
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                os.setresuid(3002, 3002, 3002)
                while True:
                    try:
                        with Client(self.m.socket) as c:
                            while True:
                                c.call("Challenge", user="suzuki", service="x", decoy=True)
                    except (OSError, EOFError, OtpError, ValueError):
                        pass
            pids.append(pid)
        self.assert_login_goes_on(*pids)


class Enrolment(Verifier):
    def test_pending_until_a_code_verifies(self):
        r = self.m.enroll("yamada", confirmed=False)
        self.assertIn("secret=" + r["secret"], r["uri"])
        self.assertEqual(len(r["secret"]), 32)
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")))
        self.assert_error("WrongCode", "Confirm", user="yamada", code=self.m.wrong("yamada"))
        code = self.m.code("yamada")
        self.m.call("Confirm", user="yamada", code=code)
        self.assertFalse(self.m.login("yamada", code), "the code that confirmed is used up")
        self.assertTrue(self.m.login("yamada", self.m.code("yamada", 1)))
        self.assert_error("NotPending", "Confirm", user="yamada", code=code)

    def test_replacing_keeps_the_old_one_until_then(self):
        self.m.enroll("yamada")
        old = dict(self.m.secrets["yamada"])
        self.assert_error("AlreadyEnrolled", "Enroll", user="yamada")
        self.m.enroll("yamada", confirmed=False, replace=True)
        self.assertTrue(self.m.login("yamada", totp(old["secret"], MONDAY_NOON // 30)))
        self.m.call("Confirm", user="yamada", code=self.m.code("yamada"))
        self.assertFalse(self.m.login("yamada", totp(old["secret"], MONDAY_NOON // 30 + 1)))
        self.assertTrue(self.m.login("yamada", self.m.code("yamada", 1)))

    def test_hardware_token_and_shared_secret(self):
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        self.m.enroll("yamada", secret=secret)
        self.m.enroll("suzuki", secret=secret)
        self.m.enroll("kinkyu")
        prints = [self.m.user(u)["fingerprint"] for u in ("yamada", "suzuki", "kinkyu")]
        self.assertEqual(prints[0], prints[1])
        self.assertNotEqual(prints[0], prints[2])
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))
        for bad in ({"secret": ""}, {"secret": "!!"}, {"secret": "GEZDG"}, {"digits": 5}, {"period": 1},
                    {"algorithm": "md5"}):
            self.assert_error("InvalidParameter", "Enroll", user="gyosha", **bad)

    def test_reset_and_unknown(self):
        self.m.enroll("yamada")
        self.m.call("Reset", user="yamada")
        self.assertFalse(self.m.login("yamada", self.m.code("yamada")))
        self.assert_error("NotEnrolled", "Reset", user="yamada")
        self.assert_error("UnknownUser", "Enroll", user="nobody-here")
        self.m.enroll("yamada")
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))

    def test_recovery_codes(self):
        self.m.enroll("yamada")
        codes = self.m.call("Codes", user="yamada")["codes"]
        self.assertEqual(len(set(codes)), 10)
        self.assertTrue(self.m.verify("yamada", codes[3].lower().replace("-", " "))["reenrol"])
        self.last(factor="recovery", status="Success")
        self.assertFalse(self.m.login("yamada", codes[3]))
        entry = self.m.user("yamada")
        self.assertEqual((entry["recovery"], entry["reenrol"]), (9, True))
        newer = self.m.call("Codes", user="yamada")["codes"]
        self.assertFalse(self.m.login("yamada", codes[4]), "a new set ends the old one")
        self.assertTrue(self.m.login("yamada", newer[3]), "and none of it was used")
        self.m.restart()
        self.assertFalse(self.m.login("yamada", newer[3]))


if __name__ == "__main__":
    unittest.main()
