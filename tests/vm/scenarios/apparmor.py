# SPDX-License-Identifier: GPL-2.0-or-later
"""The AppArmor profile of the verifier, loaded by Debian's own parser into Debian's own kernel."""
import json
import subprocess

import channel
from checks import expect
from scenarios import scenario
from scenarios.second_factor import call, code

PROFILE = "/etc/apparmor.d/usr.sbin.sekisho-otpd"
PARSER = ["sbin/apparmor_parser", "etc/apparmor", "etc/apparmor.d/abi", "etc/apparmor.d/abstractions",
          "etc/apparmor.d/tunables", "usr/share/apparmor-features"]


def bring_parser(terminal):
    """The image is without the package, whose other profiles would cost each boot seconds."""
    done = subprocess.run(["tar", "-C", "/", "--dereference", "-cz", *PARSER], capture_output=True, check=True)
    terminal.write("/root/apparmor.tar.gz", done.stdout)
    terminal.sh("tar -C / --skip-old-files -xzf /root/apparmor.tar.gz")


def confinement(terminal):
    pid = terminal.sh("systemctl show --value -p MainPID sekisho-otpd.service").strip()
    return terminal.sh(f"cat /proc/{pid}/attr/apparmor/current").strip()


@scenario()
def apparmor_confines_the_verifier(lab):
    """The shipped profile loads and enforces: the verifier does all of its work under it, and can read nothing else."""
    t, _ = lab.guarded()
    expect(t.read("/sys/module/apparmor/parameters/enabled") == "Y", "this kernel has no AppArmor")
    expect(t.read(PROFILE), "the package brings no profile")
    t.sh("useradd --uid 3001 yamada && useradd --uid 3002 suzuki")
    call(t, "Status")
    expect(confinement(t) == "unconfined", "confined before the profile was loaded")
    bring_parser(t)
    t.sh(f"apparmor_parser --replace {PROFILE}", 120)
    t.sh("systemctl stop sekisho-otpd.service")

    enrolled = call(t, "Enroll", user="yamada", confirmed=True)["parameters"]
    expect(confinement(t) == "sekisho-otpd (enforce)", f"it runs as {confinement(t)}")
    request = {"user": "yamada", "service": "xscreensaver"}
    right = code(t, enrolled)
    expect(call(t, "Verify", as_user=3001, **request, code=right)["parameters"]["accepted"], "the right code is refused")
    expect(not call(t, "Verify", **request, code=right)["parameters"]["accepted"], "a code is accepted twice")
    expect(len(call(t, "Codes", user="yamada")["parameters"]["codes"]) == 10, "no recovery codes")
    call(t, "Enroll", user="suzuki")
    expect([u["state"] for u in call(t, "List")["parameters"]["users"]] == ["enrolled", "pending"], "the list is wrong")
    call(t, "Reset", user="suzuki")
    expect(call(t, "Account", **request)["parameters"]["accepted"], "the account phase refuses")
    status = call(t, "Status")["parameters"]
    expect(status["attention"] == [] and status["enrolled"] == 1, f"status: {status}")
    kinds = [json.loads(line)["metadata"]["event_code"] for line in t.read("/var/log/sekisho/otp/audit.jsonl").splitlines()]
    expect("login-accepted" in kinds, f"the record holds only {kinds}")
    channel.wait_until("the login in the journal", lambda: "login-accepted" in t.sh(
        "journalctl --no-pager -o export SYSLOG_IDENTIFIER=sekisho-otpd"), 20, 0.5)
    denied = [line for line in t.sh("dmesg").splitlines() if "apparmor=\"DENIED\"" in line and "sekisho-otpd" in line]
    expect(not denied, f"its work is denied: {denied}")

    # The twin: what it has no business with, from a process under the same profile.
    t.sh("cp /bin/cat /root/confined-cat")
    t.write("/root/other", f"{t.read(PROFILE)}".replace("profile sekisho-otpd /usr/sbin/sekisho-otpd",
                                                        "profile sekisho-twin /root/confined-cat")
            .replace("/usr/sbin/sekisho-otpd mr", "/root/confined-cat mr"))
    t.sh("apparmor_parser --replace /root/other", 120)
    expect(t.shell("/root/confined-cat /etc/machine-id").code == 0, "even the machine's name is denied")
    for path in ("/etc/shadow", "/root/other", "/var/log/sekisho/audit.jsonl", "/var/lib/dpkg/status"):
        expect(t.shell(f"/root/confined-cat {path}").code != 0, f"{path} can be read")


CLIENTS = "/usr/share/sekisho/apparmor/sekisho-remote-clients"
SEEN = ("wayland-0", "bus", "pipewire-0", "pulse/native", "at-spi/bus_0", "dconf/user", "ICEauthority")
UNSEEN = ("gvfs/smb-share/file", "doc/1a2b/file", "keyring/control", "systemd/private", "gnupg/S.gpg-agent", "other")


@scenario()
def apparmor_shows_remote_clients_no_files(lab):
    """A client of remote desktops has its session's sockets and its own settings; what is mounted beside them it does not see."""
    t, _ = lab.guarded()
    bring_parser(t)
    session = "/run/user/0"
    seen = [f"{session}/{name}" for name in SEEN] + ["/root/.config/freerdp/known_hosts2"]
    unseen = [f"{session}/{name}" for name in UNSEEN] + ["/media/stick/file", "/mnt/file", "/root/Documents/file", "/home/file"]
    for path in seen + unseen:
        t.sh(f"mkdir -p {path.rpartition('/')[0]} && echo content > {path}")
    t.sh("cp /bin/cat /root/client")
    t.write("/root/twin", t.read(CLIENTS).replace("/usr/bin/{xfreerdp,wlfreerdp,remmina}", "/root/client"))
    for path in unseen:
        expect(t.sh(f"/root/client {path}") == "content", f"{path} cannot be read even without a profile")
    t.sh("apparmor_parser --replace /root/twin", 120)
    for path in seen:
        expect(t.sh(f"/root/client {path}") == "content", f"{path} is denied")
    read = [path for path in unseen if t.shell(f"/root/client {path}").code == 0]
    expect(not read, f"a client reads {read}")
