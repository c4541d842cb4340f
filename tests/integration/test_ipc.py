#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Varlink as an independent client speaks it, against the server library behind a real socket."""

import grp
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = pathlib.Path(os.environ["SEKISHO_BUILD"])
SOURCE = pathlib.Path(os.environ["SEKISHO_SOURCE"])
SERVER = BUILD / "agent/ipc/fake_agent"
AGENT = "org.sekisho.Agent."
SERVICE = "org.varlink.service."
NOBODY = 65534


class Client:
    """One connection; frames by hand."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, parameters=None, **flags):
        message = {"method": method, **flags}
        if parameters is not None:
            message["parameters"] = parameters
        self.socket.sendall(json.dumps(message, ensure_ascii=False).encode() + b"\0")

    def receive(self):
        """The next reply; None when the server closed."""
        while b"\0" not in self.rest:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.rest += more
        frame, self.rest = self.rest.split(b"\0", 1)
        return json.loads(frame)

    def call(self, method, parameters=None, **flags):
        self.send(method, parameters, **flags)
        return self.receive()


def as_user(uid, groups, action):
    """Runs action in a child with that uid; its JSON result comes back through a pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.setgroups(groups)
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(uid, uid, uid)
            result = action()
        except BaseException as error:  # the parent must hear of it
            result = {"raised": repr(error)}
        os.write(writer, json.dumps(result).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        result = json.loads(pipe.read())
    os.waitpid(child, 0)
    return result


class Served(unittest.TestCase):
    group = grp.getgrgid(4).gr_name  # any group that is not the caller's own
    group_id = 4

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.root.chmod(0o755)
        self.answers = self.root / "answers"
        self.answers.mkdir()
        self.answer("GetStatus", {"parameters": {"version": "1"}})
        self.answer("InstallPolicy", {"parameters": {"info": {}, "warnings": []}})
        self.answer("Watch", [{"event": "policy", "time": "2026-11-23T09:00:00+09:00"}])
        self.server = subprocess.Popen(
            [SERVER, self.root, self.answers, self.group], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.stop)
        self.assertEqual(self.server.stdout.readline(), "ready\n")
        self.path = self.root / "run/sekisho/agent.sock"

    def stop(self):
        self.server.terminate()
        self.assertEqual(self.server.wait(10), 0)  # a sanitizer's finding is another status
        self.server.stdout.close()

    def answer(self, method, value):
        (self.answers / f"{method}.json").write_text(json.dumps(value))

    def client(self):
        return Client(self.path)


class Introspection(Served):
    def test_info_and_description(self):
        with self.client() as c:
            info = c.call(SERVICE + "GetInfo")["parameters"]
            self.assertEqual(info["vendor"], "Sekisho")
            self.assertEqual(info["interfaces"], ["org.varlink.service", "org.sekisho.Agent"])
            for interface in info["interfaces"]:
                text = c.call(SERVICE + "GetInterfaceDescription", {"interface": interface})["parameters"]["description"]
                self.assertIn(f"interface {interface}\n", text)
            self.assertEqual(text, (SOURCE / "agent/ipc/org.sekisho.Agent.varlink").read_text())

    def test_errors(self):
        rows = [
            (SERVICE + "GetInterfaceDescription", {"interface": "a.b"}, {}, "InterfaceNotFound", {"interface": "a.b"}),
            (SERVICE + "GetInterfaceDescription", {}, {}, "InvalidParameter", {"parameter": "interface"}),
            (SERVICE + "GetInterfaceDescription", {"interface": 1}, {}, "InvalidParameter", {"parameter": "interface"}),
            ("a.b.C", None, {}, "InterfaceNotFound", {"interface": "a.b"}),
            (AGENT + "Nope", None, {}, "MethodNotFound", {"method": AGENT + "Nope"}),
            (AGENT + "GetStatus", {"x": 1}, {}, "InvalidParameter", {"parameter": "x"}),
            (AGENT + "InstallPolicy", {"text": 1}, {}, "InvalidParameter", {"parameter": "text"}),
            (AGENT + "Watch", None, {}, "ExpectedMore", {}),
            (AGENT + "GetStatus", None, {"upgrade": True}, "InvalidParameter", {"parameter": "upgrade"}),
        ]
        with self.client() as c:
            for method, parameters, flags, error, details in rows:
                with self.subTest(method=method, parameters=parameters):
                    reply = c.call(method, parameters, **flags)
                    self.assertEqual(reply, {"error": SERVICE + error, "parameters": details})

    def test_mode_of_the_socket(self):
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o666)


class Calls(Served):
    def test_pipelined_in_order_with_oneway_between(self):
        with self.client() as c:
            for n in range(500):
                c.send(SERVICE + "GetInterfaceDescription", {"interface": f"a.b{n}"}, oneway=n % 3 == 0)
            for n in range(500):
                if n % 3:
                    self.assertEqual(c.receive()["parameters"], {"interface": f"a.b{n}"})

    def test_stream_ends_with_the_connection(self):
        with self.client() as c:
            c.send(AGENT + "Watch", more=True)
            reply = c.receive()
            self.assertTrue(reply["continues"])
            self.assertEqual(reply["parameters"]["event"], "policy")

    def test_a_document_of_four_megabytes(self):
        text = "x: é\n" * 700000
        with self.client() as c:
            self.assertEqual(c.call(AGENT + "InstallPolicy", {"text": text}), {"parameters": {"info": {}, "warnings": []}})
        self.assertEqual((self.answers / "installed").read_text(), text)

    def test_garbage_closes_only_its_own_connection(self):
        for garbage in [b"\0", b"hello\0", b"[]\0", b'{"method":1}\0', b"[" * 60000 + b"\0", b"\xff\xfe\0"]:
            with self.subTest(garbage=garbage[:20]), self.client() as c, self.client() as other:
                c.socket.sendall(garbage)
                self.assertIsNone(c.receive())
                self.assertEqual(other.call(AGENT + "GetStatus")["parameters"], {"version": "1"})


@unittest.skipUnless(os.getuid() == 0, "needs root, to become somebody else")
class Permissions(Served):
    CALLS = [("GetStatus", {}, {}), ("Watch", {}, {"more": True}), ("InstallPolicy", {"text": ""}, {})]

    def outcomes(self):
        outcomes = {}
        for method, parameters, flags in self.CALLS:
            with self.client() as c:
                reply = c.call(AGENT + method, parameters, **flags)
                outcomes[method] = reply.get("error", "ok").removeprefix(SERVICE)
        return outcomes

    def test_table(self):
        denied = "PermissionDenied"
        rows = [
            ("root", 0, [], {"GetStatus": "ok", "Watch": "ok", "InstallPolicy": "ok"}),
            ("auditor", NOBODY, [self.group_id], {"GetStatus": "ok", "Watch": "ok", "InstallPolicy": denied}),
            ("many groups", NOBODY, [*range(2000, 2060), self.group_id], {"GetStatus": "ok", "Watch": "ok", "InstallPolicy": denied}),
            ("anyone", NOBODY, [], {"GetStatus": "ok", "Watch": denied, "InstallPolicy": denied}),
            ("other group", NOBODY, [self.group_id + 1], {"GetStatus": "ok", "Watch": denied, "InstallPolicy": denied}),
        ]
        for name, uid, groups, expected in rows:
            with self.subTest(name):
                self.assertEqual(as_user(uid, groups, self.outcomes), expected)

    def test_denied_before_parameters_are_looked_at(self):
        def action():
            with self.client() as c:
                return c.call(AGENT + "InstallPolicy", {"text": 1, "x": 2})

        self.assertEqual(as_user(NOBODY, [], action), {"error": SERVICE + "PermissionDenied", "parameters": {}})

    def test_an_ordinary_user_sends_no_documents(self):
        def action():
            with self.client() as c:
                try:
                    c.socket.sendall(b" " * 400000)
                except (BrokenPipeError, ConnectionResetError):
                    return "closed"
                return "closed" if c.receive() is None else "answered"

        self.assertEqual(as_user(NOBODY, [], action), "closed")


def alive(client):
    try:
        return client.call(AGENT + "GetStatus") is not None
    except (BrokenPipeError, ConnectionResetError):
        return False


@unittest.skipUnless(os.getuid() == 0, "needs root, to become somebody else")
class Flooding(Served):
    def test_a_user_who_takes_all_he_can_leaves_room_for_others(self):
        def flood():
            clients = [self.client() for _ in range(40)]
            taken = sum(alive(c) for c in clients)
            for c in clients:
                c.socket.close()
            return taken

        self.assertEqual(as_user(NOBODY, [], flood), 16)
        with self.client() as c:
            self.assertTrue(alive(c))

    def test_all_users_together_leave_room_for_root(self):
        held = []
        ready, go = os.pipe(), os.pipe()
        for uid in range(3001, 3006):
            child = os.fork()
            if child == 0:
                os.setgroups([])
                os.setresuid(uid, uid, uid)
                clients = [self.client() for _ in range(16)]
                taken = sum(alive(c) for c in clients)
                os.write(ready[1], bytes([taken]))
                os.read(go[0], 1)
                os._exit(0)
            held.append(child)
        taken = sum(os.read(ready[0], 1)[0] for _ in held)
        self.assertEqual(taken, 56)
        with self.client() as c:
            self.assertTrue(alive(c))
        os.write(go[1], bytes(len(held)))
        for child in held:
            os.waitpid(child, 0)
        for fd in [*ready, *go]:
            os.close(fd)

    def test_storm_of_connections_and_half_frames(self):
        for _ in range(300):
            c = self.client()
            c.socket.sendall(b'{"method":')
            c.socket.close()
        with self.client() as c:
            self.assertTrue(alive(c))

    def test_a_reader_that_never_reads_does_not_grow_the_server(self):
        def memory():
            status = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
            return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

        before = memory()
        frame = json.dumps({"method": SERVICE + "GetInfo"}).encode() + b"\0"
        with self.client() as c:
            c.socket.setblocking(False)
            end = time.monotonic() + 3
            sent = 0
            while time.monotonic() < end and sent < 64 << 20:
                if not select.select([], [c.socket], [], 0.2)[1]:
                    break
                try:
                    sent += c.socket.send(frame * 1000)
                except BlockingIOError:
                    pass
            self.assertLess(sent, 64 << 20)
        self.assertLess(memory() - before, 16 << 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
