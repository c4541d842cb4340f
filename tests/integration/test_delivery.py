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

    def smb_share(self, share):
        """Where a real smbd's share is mounted, read-only as the example says; both in a network namespace of their own."""
        work = pathlib.Path(tempfile.mkdtemp(prefix="delivery-smb-"))
        self.addCleanup(shutil.rmtree, work)
        for name in ("state", "mounted", "home"):
            (work / name).mkdir()
        directories = "".join(f"{key} = {work}/state\n" for key in (
            "private dir", "state directory", "cache directory", "lock directory", "pid directory", "ncalrpc dir"))
        (work / "smb.conf").write_text(
            "[global]\nserver role = standalone\nmap to guest = Bad User\nguest account = root\ndisable netbios = yes\n"
            f"smb ports = 445\nload printers = no\nlog file = {work}/state/log\n{directories}"
            f"[sekisho]\npath = {share}\nguest ok = yes\nread only = yes\n")  # fmt: skip
        settings = work / "home/settings"
        settings.write_text('auth guest ""\n')
        settings.chmod(0o600)
        namespace = f"sekisho-smb-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", namespace], check=True)
        subprocess.run(["ip", "-n", namespace, "link", "set", "lo", "up"], check=True)
        inside = ["nsenter", f"--net=/run/netns/{namespace}"]
        server = subprocess.Popen([*inside, "smbd", "-F", "-s", work / "smb.conf", "-l", work / "state"],
                                  stdin=subprocess.DEVNULL)  # fmt: skip
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        eventually(lambda: not subprocess.run([*inside, "smbclient", "-N", "//127.0.0.1/sekisho", "-c", "ls"],
                                              capture_output=True, check=False).returncode, "smbd answers")  # fmt: skip
        subprocess.run([*inside, "smbnetfs", "-o", f"config={settings}", work / "mounted"], check=True,
                       env={**os.environ, "HOME": str(work / "home")}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        self.addCleanup(subprocess.run, ["umount", work / "mounted"], check=True)
        return work / "mounted/127.0.0.1/sekisho"

    @needs("smbd", "smbclient", "smbnetfs", "ip", "nsenter")
    def test_smb(self):
        share = pathlib.Path(tempfile.mkdtemp(prefix="delivery-share-"))
        self.addCleanup(shutil.rmtree, share)
        share.chmod(0o755)
        mounted = self.smb_share(share)
        path = self.policy(2, "kacho")
        shutil.copy(path, share)
        shutil.copy(f"{path}.sig", share)
        eventually(lambda: (mounted / f"{path.name}.sig").is_file(), "the share shows what lies there")
        with self.assertRaises(OSError):
            (mounted / "new").write_text("")
        self.run_example(EXAMPLES / "smb/fetch", mounted, STATE=str(self.work / "state"))
        self.arrives(2)

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
