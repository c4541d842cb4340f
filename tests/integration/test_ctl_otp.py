#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl otp, on a terminal and in scripts, in front of the real verifier."""
import base64
import json
import os
import re
import signal
import subprocess
import unittest

from ctl_fixture import NOBODY, run
from ctl_screen import COVER, UNCOVER, WIPE, Person, read_picture
from otp_fixture import MONDAY_NOON, Machine, totp

YES, NO, BAD, UNREACHABLE, NOT_PERMITTED = range(5)
ASK = "(Ctrl-C: later): "


class Otp(unittest.TestCase):
    extra = ""

    def setUp(self):
        self.m = Machine(extra=self.extra)
        self.addCleanup(self.m.close)
        os.chmod(self.m.root, 0o755)
        self.m.clock(MONDAY_NOON, 1000)
        self.m.start()

    def ctl(self, *words, status=YES, **options):
        code, out, err = run("otp", *words, "--root", self.m.root, **options)
        self.assertEqual(code, status, (words, out, err))
        return out if status == YES else out + err

    def person(self, *words, **options):
        return Person("otp", *words, "--root", self.m.root, **options)

    def secret_on(self, shown):
        return re.search(r"type into the app: ([A-Z2-7 ]+)", shown).group(1).replace(" ", "")

    def code(self, secret, ahead=0):
        return totp(secret, MONDAY_NOON // 30 + ahead)


class Enroll(Otp):
    def test_scan_confirm_and_wipe(self):
        p = self.person("enroll", "yamada")
        shown = p.wait_for(ASK)
        secret = self.secret_on(shown)
        uri = read_picture(shown)
        self.assertRegex(uri, r"^otpauth://totp/Sekisho:yamada%40terminal\?secret=" + secret + "&issuer=Sekisho$")
        self.assertLessEqual(shown.count("\n"), 23, "all of it is to be seen on 24 lines")
        self.assertFalse(self.m.login("yamada", self.code(secret)), "pending")
        p.type("000000\n")
        self.assertIn("not the code", p.wait_for(ASK))
        p.type(self.code(secret) + "\n")
        status, out, rest = p.end()
        self.assertEqual((status, out.splitlines()[0]), (YES, "The second factor of yamada is in force."))
        self.assertTrue(shown.startswith(COVER) and rest.rstrip().endswith(WIPE + UNCOVER), rest[-40:])
        self.assertNotIn(secret, out)
        self.assertTrue(self.m.login("yamada", self.code(secret, 1)))

    def test_json_and_pipes_never_see_the_secret(self):
        p = self.person("enroll", "yamada", "--json", "--digits", "8", "--algorithm", "sha256", "--period", "60",
                        rows=30)
        shown = p.wait_for(ASK)
        self.assertIn("Digits: 8; every 60 seconds; sha256", shown)
        secret = self.secret_on(shown)
        self.assertIn("&algorithm=SHA256&digits=8&period=60", read_picture(shown) or "")
        p.type(totp(secret, MONDAY_NOON // 60, 8, "sha256") + "\n")
        status, out, _ = p.end()
        self.assertEqual((status, json.loads(out)), (YES, {
            "user": "yamada", "state": "enrolled", "digits": 8, "period": 60, "algorithm": "sha256"}))

    def test_without_a_terminal_nothing_begins(self):
        code = subprocess.run(["setsid", "--wait", os.environ["SEKISHO_BUILD"] + "/agent/ctl/sekishoctl", "otp", "enroll",
                               "yamada", "--root", self.m.root], capture_output=True, stdin=subprocess.DEVNULL,
                              env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}, check=False, text=True)
        self.assertEqual(code.returncode, BAD)
        self.assertIn("needs a terminal", code.stderr)
        self.assertIsNone(self.m.user("yamada"))

    def test_put_off_and_killed(self):
        for end in ("\x03", "\x04", signal.SIGTERM, signal.SIGHUP):
            p = self.person("enroll", "yamada")
            p.wait_for(ASK)
            if isinstance(end, str):
                p.type(end)
            status, out, rest = p.end(None if isinstance(end, str) else end)
            self.assertEqual(status, NO if isinstance(end, str) else -end, out)
            self.assertIn(WIPE, rest, "the screen is wiped whatever ends it")
            self.assertEqual(self.m.user("yamada")["state"], "pending")

    def test_replace(self):
        self.m.enroll("yamada")
        self.assertIn("--replace", self.person("enroll", "yamada").end()[1])
        p = self.person("enroll", "yamada", "--replace")
        secret = self.secret_on(p.wait_for(ASK))
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")), "the old one holds until then")
        p.type(self.code(secret) + "\n")
        self.assertEqual(p.end()[0], YES)
        self.assertTrue(self.m.login("yamada", self.code(secret, 1)))

    def test_token_in_hand(self):
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        p = self.person("enroll", "yamada", "--token")
        p.wait_for("(does not show): ")
        p.type(secret + "\n")
        shown = p.wait_for(ASK)
        self.assertNotIn(secret, shown, "neither typed nor told")
        p.type(self.code(secret) + "\n")
        self.assertEqual(p.end()[0], YES)
        self.assertTrue(self.m.login("yamada", self.code(secret, 1)))

    def test_small_screen(self):
        p = self.person("enroll", "yamada", rows=20)
        shown = p.wait_for(ASK)
        self.assertIsNone(read_picture(shown))
        secret = self.secret_on(shown)
        p.type(self.code(secret) + "\n")
        self.assertEqual(p.end()[0], YES)

    def test_japanese_but_on_the_console(self):
        for term, japanese in (("xterm", True), ("linux", False)):
            p = self.person("enroll", "suzuki", piped=False, env={"LANGUAGE": "ja", "TERM": term})
            shown = p.wait_for(": ")
            self.assertEqual(bool(re.search("[ぁ-ん]", shown)), japanese, shown)
            p.type("\x03")
            p.end()

    def test_usage(self):
        for words in (("enroll", "nobody-here"), ("enroll", "yamada", "--digits", "x"), ("enroll", "yamada", "--digits", "5")):
            status, out, _ = self.person(*words).end()
            self.assertIn(status, (NO, BAD), out)
            self.assertTrue(out)
        self.ctl("enroll", "yamada", "--csv", "/dev/null", status=BAD)


class SelfEnrolment(Otp):
    extra = "  enrolment: {by: self, until: 2026-11-30}\n"

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        for path in (self.m.root / "run", self.m.root / "run/sekisho"):
            path.chmod(0o755)
        # Whoever asks is found by his uid in the machine's own accounts; here he says his name.

    def test_inside_the_window_and_after(self):
        p = self.person("enroll", "yamada", uid=3001)
        secret = self.secret_on(p.wait_for(ASK))
        p.type(self.code(secret) + "\n")
        self.assertEqual(p.end()[0], YES)
        self.assertTrue(self.m.login("yamada", self.code(secret, 1)))
        p = self.person("codes", "yamada", uid=3001)
        self.assertIn("10  ", p.wait_for("wipes the screen. "))
        p.type("\n")
        self.assertEqual(p.end()[0], YES)
        self.assertEqual(self.person("enroll", "suzuki", uid=3001).end()[0], NOT_PERMITTED, "only oneself")
        self.m.clock(MONDAY_NOON + 30 * 86400, 1000)
        status, out, _ = self.person("enroll", "suzuki", uid=3002).end()
        self.assertEqual(status, NOT_PERMITTED)
        self.assertIn("does not let users enrol themselves", out)
        self.assertIsNone(self.m.user("suzuki"))


class HelpDesk(Otp):
    def test_codes_go_to_the_terminal_only(self):
        self.m.enroll("yamada")
        p = self.person("codes", "yamada")
        shown = p.wait_for("wipes the screen. ")
        codes = re.findall(r"^ +\d+  ([0-9A-Z-]+)\r?$", shown, re.M)
        self.assertEqual(len(set(codes)), 10)
        p.type("\n")
        status, out, rest = p.end()
        self.assertEqual(status, YES)
        self.assertIn(WIPE, rest)
        self.assertFalse([c for c in codes if c in out])
        self.assertTrue(self.m.verify("yamada", codes[7])["reenrol"])
        listed = self.ctl("list")
        self.assertIn("enrol again", listed)

    def test_reset_and_unlock(self):
        self.m.enroll("yamada")
        now = 1000
        for _ in range(50):
            now += 1000
            self.m.clock(MONDAY_NOON, now)
            self.m.login("yamada", self.m.wrong("yamada"))
        self.assertIn("LOCKED", self.ctl("list"))
        self.assertEqual(json.loads(self.ctl("unlock", "yamada", "--json")), {"user": "yamada", "state": "unlocked"})
        self.assertTrue(self.m.login("yamada", self.m.code("yamada")))
        self.ctl("reset", "yamada")
        self.assertIn("no second factor", self.ctl("reset", "yamada", status=NO))
        self.ctl("unlock", "yamada", status=NO)
        self.assertIn("no such account", self.ctl("reset", "nobody-here", status=NO))

    def test_list(self):
        for user in ("yamada", "suzuki"):
            self.m.enroll(user, secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        self.m.enroll("kinkyu", confirmed=False)
        users = {u["user"]: u for u in json.loads(self.ctl("list", "--json"))["users"]}
        self.assertEqual((users["yamada"]["shared_with"], users["kinkyu"]["shared_with"]), (["suzuki"], []))
        self.assertRegex(self.ctl("list"), r"yamada .*THE SAME SECRET as suzuki")
        missing = [p["user"] for p in json.loads(self.ctl("list", "--missing", "--json"))["missing"]]
        self.assertEqual(missing, ["root", "gyosha", "kinkyu", "futago"])
        self.assertEqual(self.ctl("list", "--missing").split(), missing)

    def test_for_root_only(self):
        for words in (("list",), ("reset", "yamada"), ("unlock", "yamada")):
            self.ctl(*words, status=NOT_PERMITTED, user=NOBODY)

    def test_no_verifier(self):
        self.ctl("list")
        self.m.stop()
        self.assertIn("not running", self.ctl("list", status=UNREACHABLE))
        self.m.start()
        self.ctl("list")


class Box(Otp):
    SECRETS = ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U")

    def box(self, *lines, newline="\n", head="user,serial,secret"):
        path = self.m.root / "box.csv"
        path.write_bytes((newline.join((head, *lines)) + newline).encode())
        path.chmod(0o600)
        return path

    def test_all_at_once(self):
        hexadecimal = base64.b32decode(self.SECRETS[1]).hex()
        for newline in ("\n", "\r\n"):
            path = self.box(f'yamada,"100,1",{self.SECRETS[0]}', f" suzuki ,1002,{self.SECRETS[2].lower()}", newline=newline,
                            head="\ufeffuser,serial,secret")
            out = self.ctl("enroll", "--csv", path, "--replace")
            self.assertRegex(out, r"2 +yamada +100,1 +in force")
            self.assertRegex(out, r"3 +suzuki +1002 +in force")
            self.assertIn("In force: 2; not enrolled: 0.", out)
            self.assertNotIn(self.SECRETS[0], out)
        self.assertTrue(self.m.login("yamada", self.code(self.SECRETS[0])))
        self.assertTrue(self.m.login("suzuki", self.code(self.SECRETS[2])))
        path = self.box(f"gyosha,{hexadecimal},8,60,SHA256", head="user,secret-hex,digits,period,algorithm")
        answer = json.loads(self.ctl("enroll", "--csv", path, "--json"))
        self.assertEqual(answer, {"enrolled": 1, "rows": [{"line": 2, "user": "gyosha", "serial": "", "enrolled": True}]})
        entry = self.m.user("gyosha")
        self.assertEqual((entry["digits"], entry["period"], entry["algorithm"]), (8, 60, "sha256"))

    def test_one_bad_row_and_nobody_is_enrolled(self):
        self.m.enroll("kinkyu")
        before = self.m.call("List")["users"]
        good = f"yamada,1,{self.SECRETS[0]}"
        rows = (("suzuki,2,!!", "3: secret: 10 to 64 bytes"), ("suzuki,2,GEZDG", "3: secret:"),
                (f"nobody-here,2,{self.SECRETS[1]}", '3: user: there is no account "nobody-here"'),
                (f"yamada,2,{self.SECRETS[1]}", "3: user: the same as in line 2"),
                (f"suzuki,2,{self.SECRETS[0].lower()}", "3: secret: the same as in line 2"),
                (f"kinkyu,2,{self.SECRETS[1]}", '3: user: "kinkyu" has a second factor already'),
                (f",2,{self.SECRETS[1]}", "3: user: nobody is named"), ("suzuki,2", "3: 2 columns, but the first line names 3"),
                (f'suzuki,"2,{self.SECRETS[1]}', "3: the quotation marks do not fit"))
        for row, complaint in rows:
            path = self.box(good, row)
            said = self.ctl("enroll", "--csv", path, status=BAD)
            self.assertIn(f"{path}:{complaint}", said)
            self.assertIn("nobody was enrolled", said)
            self.assertNotIn(self.SECRETS[0], said)
            self.assertEqual(self.m.call("List")["users"], before)
            answer = json.loads(run("otp", "enroll", "--csv", path, "--json", "--root", self.m.root)[1])
            self.assertEqual((answer["enrolled"], answer["problems"][0]["line"]), (0, 3))
        for head in ("name,serial,secret", "user,serial", "user,secret,secret-hex", "user,user,secret"):
            self.assertIn(":1: ", self.ctl("enroll", "--csv", self.box(good, head=head), status=BAD))
        self.ctl("enroll", "--csv", self.box(good))
        self.assertEqual(self.m.user("yamada")["state"], "enrolled", "the twin: without the bad row")

    def test_all_mistakes_in_one_run(self):
        path = self.box("suzuki,1,!!", f"nobody-here,2,{self.SECRETS[0]}", "yamada,3")
        said = self.ctl("enroll", "--csv", path, status=BAD)
        self.assertEqual(re.findall(r"box\.csv:(\d+):", said), ["2", "3", "4"])

    def test_a_file_that_others_may_read(self):
        path = self.box(f"yamada,1,{self.SECRETS[0]}")
        path.chmod(0o644)
        code, _, err = run("otp", "enroll", "--csv", path, "--root", self.m.root)
        self.assertEqual(code, YES)
        self.assertIn("chmod 600", err)


class Telephone(Otp):
    MACHINE_ID = "0123456789abcdef0123456789abcdef"

    def setUp(self):
        super().setUp()
        self.key = self.m.root / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.key], check=True)
        public = self.key.with_suffix(".pub").read_text().strip()
        self.m.write("var/lib/sekisho/policy/trust.yaml", f"""sekisho-trust: 1
header: {{fleet: test, version: 1, issued: 2026-01-01T00:00:00+09:00, expires: never}}
roles: {{trust: {{threshold: 1}}, policy: {{threshold: 1}}, permit: {{threshold: 1}}}}
holders:
  - {{name: kacho, roles: [trust, policy, permit], key: {public}}}
""")
        self.m.clock(None, 1000)  # grants are written with the time of day
        self.m.enroll("yamada")
        self.document = self.m.root / "grant.yaml"

    def nonce(self, user="yamada"):
        return self.m.verify(user, "？")["nonce"]

    def grant(self, nonce, *words, status=YES, user="yamada"):
        for path in (self.document, self.m.root / "grant.yaml.sig"):
            path.unlink(missing_ok=True)
        return self.ctl("grant", user, self.document, "--fleet", "test", "--reason", '紛失 "第3号" \\', "--approver", "情報政策課長",
                        *words, status=status, given=(nonce + "\n").encode())

    def install(self, status=YES):
        code, _, err = run("sign", self.document, "--key", self.key)
        self.assertEqual(code, YES, err)
        return self.ctl("install", self.document, status=status)

    def test_one_login_without_the_token(self):
        nonce = self.nonce()
        self.assertFalse(self.m.login("yamada", nonce), "the number alone is nothing")
        self.grant(nonce)
        self.assertIn("yamada may log in once", self.install())
        self.assertTrue(self.m.verify("yamada", nonce.lower())["reenrol"])
        self.assertFalse(self.m.login("yamada", nonce), "once")
        self.assertIn("used already", self.install(status=NO))
        self.assertNotEqual(self.nonce(), nonce)

    def test_what_is_refused(self):
        nonce = self.nonce()
        for words, said in ((("--terminal", "f" * 32), "another terminal"), (("--fleet", "other"), "another terminal")):
            self.grant(nonce, *words)
            self.assertIn(said, self.install(status=NO))
        self.grant("K7QF-2M9D-0000")
        self.assertIn("number is not the one", self.install(status=NO))
        self.grant(nonce, user="suzuki")
        self.assertIn("no second factor", self.install(status=NO))
        self.grant(nonce)
        self.assertIn("not signed", self.ctl("install", self.document, status=NO))
        self.assertFalse(self.m.login("yamada", nonce))
        self.m.clock(MONDAY_NOON + 10 * 365 * 86400, 1000)
        self.assertIn("expired", self.install(status=NO))

    def test_usage(self):
        for words in (("--valid", "3d"), ("--valid", "25h"), ("--valid", "0h"), ("--terminal", "x"), ("--fleet", "a b")):
            self.grant("K7QF-2M9D-0000", *words, status=BAD)
            self.assertFalse(self.document.exists(), words)
        self.grant("K7QF: x", status=BAD)
        self.ctl("grant", "yamada", self.document, "--fleet", "test", "--reason", "x", status=BAD, given=b"K7QF\n")
        self.grant("K7QF-2M9D-0000")
        self.ctl("grant", "yamada", self.document, "--fleet", "test", "--reason", "x", "--approver", "y", status=BAD,
                 given=b"K7QF-2M9D-0000\n")  # never over another file


if __name__ == "__main__":
    unittest.main()
