#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each example of packaging/examples/delivery, run as it stands, until the policy is in force on a running agent."""

import fakeroot
from fakeroot import SOURCE, eventually
from test_inbox import InboxTest

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

EXAMPLES = SOURCE / "packaging/examples/delivery"
SSHD = "/usr/sbin/sshd"


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


class Delivery(InboxTest):
    def setUp(self):
        super().setUp()
        self.trusted()

    def arrives(self, serial):
        eventually(lambda: self.serial() == serial, f"serial {serial}", 30)
        self.emptied()
        refused = [r for r in self.history() if r["document"]["outcome"] == "refused"]
        self.assertEqual(refused, [])

    def run_example(self, *command, **environment):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                              env={**os.environ, "INBOX": str(self.inbox), **environment})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def sshd(self):
        """A real one, on the loopback, that lets one key in."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="delivery-sshd-"))
        self.addCleanup(shutil.rmtree, directory)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        (directory / "config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/user.pub\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\nSubsystem sftp internal-sftp\n"
        )
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", directory / "config"], stderr=subprocess.PIPE)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        options = f"-i {directory}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"

        def answers():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0

        eventually(answers, "sshd listens")
        return port, options

    @needs(SSHD, "sftp", "scp")
    def test_scp(self):
        port, options = self.sshd()
        self.run_example(EXAMPLES / "scp/send", "root@127.0.0.1", self.policy(2, "kacho"),
                         SFTP=f"sftp -P {port} {options}")  # fmt: skip
        self.arrives(2)
        # Plain scp, without any care, does as well.
        path = self.policy(3, "kacho")
        subprocess.run(["scp", "-q", "-P", str(port), *options.split(), path, f"{path}.sig",
                        f"root@127.0.0.1:{self.inbox}/"], check=True, capture_output=True)  # fmt: skip
        self.arrives(3)

    @needs(SSHD, "rsync")
    def test_rsync(self):
        port, options = self.sshd()
        self.run_example(EXAMPLES / "rsync/send", "root@127.0.0.1", self.policy(2, "kacho"),
                         SSH=f"ssh -p {port} {options}")  # fmt: skip
        self.arrives(2)

    @needs("ansible-playbook")
    def test_ansible(self):
        wrapper = self.work / "sekishoctl"
        wrapper.write_text(f'#!/bin/sh\nexec "{fakeroot.BUILD.absolute()}/agent/ctl/sekishoctl" "$@" --root "{self.machine.root}"\n')
        wrapper.chmod(0o755)
        path = self.policy(2, "kacho")
        playbook = ["ansible-playbook", "-i", "localhost,", "-c", "local", EXAMPLES / "ansible/deliver.yml",
                    "-e", f"policy={path} inbox={self.inbox} sekishoctl={wrapper}",
                    "-e", "ansible_python_interpreter=/usr/bin/python3"]  # fmt: skip
        quiet = {"ANSIBLE_LOCAL_TEMP": str(self.work / "a"), "ANSIBLE_REMOTE_TEMP": str(self.work / "b"), "LC_ALL": "C.UTF-8"}
        self.assertIn("changed=1", self.run_example(*playbook, **quiet))
        self.arrives(2)
        self.assertIn("changed=0", self.run_example(*playbook, **quiet))

    def test_file_server(self):
        """The share is another file system, as a mounted one is."""
        share = pathlib.Path(tempfile.mkdtemp(prefix="delivery-share-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, share)
        self.assertNotEqual(share.stat().st_dev, self.inbox.stat().st_dev)
        fetch = [EXAMPLES / "smb/fetch", share]
        state = {"STATE": str(self.work / "state")}
        path = self.policy(2, "kacho")
        shutil.copy(path, share)
        self.run_example(*fetch, **state)
        self.assertEqual(self.names(), [])  # its signature is not there yet
        shutil.copy(f"{path}.sig", share)
        for _ in range(2):
            self.run_example(*fetch, **state)
            self.arrives(2)
        self.assertEqual(len([r for r in self.history() if r["document"]["via"] == "inbox"]), 1)

    @needs("dpkg-deb", "dpkg")
    def test_debian_package(self):
        package = self.run_example(EXAMPLES / "deb/build", self.policy(2, "kacho"), self.work).strip()
        self.assertTrue(package.endswith("sekisho-policy_2_all.deb"), package)
        root = self.machine.root
        for directory in ("var/lib/dpkg/info", "var/lib/dpkg/updates"):
            (root / directory).mkdir(parents=True)
        (root / "var/lib/dpkg/status").write_text("")
        subprocess.run(["dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "-i", package], check=True,
                       capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
        self.arrives(2)


if __name__ == "__main__":
    fakeroot.main()
