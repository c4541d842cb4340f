#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations for collectors that Debian 12 does not have, and of those that it has: they can be read, every option has a
name that the vendor's manual has, they name the files that the record really is in and no other, and keep what tells a line
from another, (machine, log, seq). Each of these is shown to fail on a configuration that is spoilt."""
import configparser
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

try:
    import yaml
except ImportError:
    yaml = None

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
COLLECTORS = SOURCE / "packaging/collectors"
WRITER = BUILD / "agent/audit/make_record"

# docs.fluentbit.io: administration/configuring-fluent-bit, pipeline/inputs/tail, pipeline/outputs/forward
FLUENT_BIT = {
    ("SERVICE", None): "flush grace daemon log_level storage.path storage.sync storage.checksum storage.max_chunks_up "
                       "storage.backlog.mem_limit storage.metrics",
    ("INPUT", "tail"): "name tag path db db.sync db.locking read_from_head refresh_interval rotate_wait buffer_chunk_size "
                       "buffer_max_size skip_long_lines key parser mem_buf_limit storage.type",
    ("OUTPUT", "forward"): "name match host port require_ack_response retry_limit storage.total_limit_size tls tls.verify "
                           "tls.ca_file tls.crt_file tls.key_file",
}
# www.elastic.co: filebeat-input-filestream, decode-json-fields, fingerprint, configuring-internal-queue, logstash-output
FILEBEAT = {
    "": "filebeat.inputs processors queue.disk output.logstash",
    "filestream": "type id enabled paths file_identity.native prospector.scanner.fingerprint.enabled message_max_bytes "
                  "close.on_state_change.renamed",
    "decode_json_fields": "fields target max_depth process_array overwrite_keys add_error_key document_id",
    "fingerprint": "fields target_field method encoding ignore_missing",
    "queue.disk": "max_size path segment_size read_ahead write_ahead retry_interval",
    "output.logstash": "hosts ssl.certificate_authorities ssl.certificate ssl.key",
}
WAZUH = "localfile log_format location only-future-events label"  # documentation.wazuh.com: ossec-conf/localfile
# systemd's manual pages journal-upload.conf(5), journal-remote.conf(5)
JOURNAL = {"upload.conf": ("Upload", "URL ServerKeyFile ServerCertificateFile TrustedCertificateFile"),
           "remote.conf": ("Remote", "Seal SplitMode ServerKeyFile ServerCertificateFile TrustedCertificateFile")}


class Wrong(Exception):
    pass


def need(is_so, what):
    if not is_so:
        raise Wrong(what)


def known(names, allowed, where):
    strange = sorted(set(names) - set(allowed.split()))
    need(not strange, f"{where}: no such option: {strange}")


# ---- where the record is ----

def record_names():
    """As the agent's and the verifier's sources have them."""
    text = (SOURCE / "agent/audit/audit.h").read_text()
    directory, name, otp = (re.search(rf"#define {macro} +(.*)", text)[1] for macro in (
        "AUDIT_DIRECTORY", "AUDIT_FILE", "AUDIT_OTP_DIRECTORY"))
    directory, name = directory.strip('"'), name.strip('"')
    need(otp.startswith('AUDIT_DIRECTORY "/otp"'), "the verifier's log is somewhere else")
    return {log: [f"/{directory}{sub}/{name}", f"/{directory}{sub}/audit-00000001.jsonl"]
            for log, sub in (("agent", ""), ("otp", "/otp"))}


def check_paths(patterns):
    """Every file of both logs; not its keys, and nothing that was set aside."""
    for log, files in record_names().items():
        for file in files:
            need(any(fnmatch.fnmatch(file, p) and p.count("/") == file.count("/") for p in patterns), f"{file} ({log}) is left out")
            for other in (file + ".damaged-1", file.replace(".jsonl", ".key")):
                need(not any(fnmatch.fnmatch(other, p) and p.count("/") == other.count("/") for p in patterns), f"{other} is taken")


def a_record():
    """A line of our own writer."""
    with tempfile.TemporaryDirectory() as root:
        (pathlib.Path(root) / "var/log/sekisho").mkdir(parents=True)
        subprocess.run([WRITER, root, "1"], check=True)
        return json.loads((pathlib.Path(root) / "var/log/sekisho/audit.jsonl").read_text().splitlines()[0])


def at(value, path):
    for name in path.split("."):
        need(isinstance(value, dict) and name in value, f"a record has no {path}")
        value = value[name]
    return value


KEY = ("device.uid", "unmapped.sekisho.log", "unmapped.sekisho.seq")  # (machine, log, seq)


# ---- the forms ----

def fluent_bit(text):
    """[(section, {option: value})] of its classic form."""
    sections = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if head := re.fullmatch(r"\[([A-Z]+)\]", line):
            sections.append((head[1], {}))
            continue
        words = line.split(None, 1)
        need(line.startswith("    ") and not line.startswith("     ") and len(words) == 2 and sections, f"line {number}: {line!r}")
        need(words[0].lower() not in sections[-1][1], f"line {number}: {words[0]} twice")
        sections[-1][1][words[0].lower()] = words[1].strip()
    return sections


def check_fluent_bit(text):
    sections = fluent_bit(text)
    need([name for name, _ in sections] == ["SERVICE", "INPUT", "OUTPUT"], "sections")
    for name, options in sections:
        allowed = FLUENT_BIT.get((name, options.get("name")))
        need(allowed, f"[{name}] {options.get('name')}")
        known(options, allowed, name)
    service, tail, forward = (options for _, options in sections)
    check_paths(tail["path"].split(","))
    # The line as it was written is what holds (machine, log, seq) and the chain: no parser, the key that fleet report reads.
    need("parser" not in tail and tail.get("key", "log") == "log", "the line is taken apart")
    need(tail.get("read_from_head", "").lower() in ("on", "true") and tail.get("db"), "begins at the end of a new file")
    need(tail.get("storage.type") == "filesystem" and service.get("storage.path"), "what waits is not on the disk")
    need(forward.get("require_ack_response", "").lower() in ("on", "true") and forward.get("retry_limit", "").lower() in
         ("no_limits", "false"), "gives up")
    need(forward["match"] == tail["tag"], "nothing is sent")
    size = int(tail.get("buffer_max_size", "32k").rstrip("kM")) << (20 if tail.get("buffer_max_size", "").endswith("M") else 10)
    need(size > 256 << 10, "a record of 256 KiB does not fit")


def check_filebeat(text):
    config = yaml.safe_load(text)
    known(config, FILEBEAT[""], "filebeat")
    for entry in config["filebeat.inputs"]:
        need(entry["type"] == "filestream" and entry["id"], "no filestream with an id")
        known(entry, FILEBEAT["filestream"], "filestream")
        check_paths(entry["paths"])
        need(entry["message_max_bytes"] > 256 << 10, "a record of 256 KiB does not fit")
        need("file_identity.native" in entry and entry["prospector.scanner.fingerprint.enabled"] is False,
             "a file is known by what it begins with, and a short one is not read")
    for processor in config["processors"]:
        (name, options), = processor.items()
        known(options, FILEBEAT.get(name, ""), name)
    decode, fingerprint = (next(p[name] for p in config["processors"] if name in p) for name in ("decode_json_fields", "fingerprint"))
    need(decode["fields"] == ["message"] and decode["target"] == "ocsf", "the line itself is lost, or elsewhere")
    need(sorted(fingerprint["fields"]) == sorted(f"ocsf.{name}" for name in KEY), "its id is not (machine, log, seq)")
    need(fingerprint["target_field"] == "@metadata._id", "its id is elsewhere")
    for section in ("queue.disk", "output.logstash"):
        known(config[section], FILEBEAT[section], section)


def check_wazuh(text):
    tree = xml.etree.ElementTree.fromstring(f"<ossec_config>{text}</ossec_config>")
    known({e.tag for e in tree.iter()} - {"ossec_config"}, WAZUH, "ossec.conf")
    need(all(f.findtext("log_format") == "json" for f in tree), "not read as JSON")
    need(all(f.findtext("only-future-events") == "no" for f in tree), "what came while it did not run is left out")
    check_paths([f.findtext("location") for f in tree])


def check_rsyslog(text):
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    check_paths(re.findall(r'type="imfile" file="([^"]+)"', lines))
    need(int(re.search(r'global\(maxMessageSize="(\d+)k"\)', lines)[1]) > 256, "a record of 256 KiB is cut")
    need("%msg%" in lines and 'queue.filename="' in lines and 'action.resumeRetryCount="-1"' in lines, "not the line, or gives up")


def check_journal(name):
    def check(text):
        config = configparser.ConfigParser(interpolation=None)
        config.optionxform = str
        config.read_string(text)
        section, allowed = JOURNAL[name]
        need(config.sections() == [section], f"sections {config.sections()}")
        known(config[section], allowed, name)
    return check


# (file, its check, [(what is spoilt, from, to)])
ROWS = [
    ("fluent-bit/terminal.conf", check_fluent_bit, [
        ("the verifier's log is left out", ",/var/log/sekisho/otp/audit*.jsonl", ""),
        ("closed segments are left out", "/var/log/sekisho/audit*.jsonl,", "/var/log/sekisho/audit.jsonl,"),
        ("the keys are taken", "audit*.jsonl,", "*,"),
        ("an option that there is none of", "Read_from_Head", "Read_From_The_Head"),
        ("the line is parsed", "    Skip_Long_Lines   Off", "    Parser json"),
        ("a line without a value", "    Read_from_Head  On", "    Read_from_Head"),
        ("gives up", "Retry_Limit     no_limits", "Retry_Limit     5"),
        ("too small", "Buffer_Max_Size   1M", "Buffer_Max_Size   64k"),
    ]),
    ("filebeat/filebeat.yml", check_filebeat, [
        ("no YAML", "filebeat.inputs:", "filebeat.inputs: ["),
        ("the verifier's log is left out", "      - /var/log/sekisho/otp/audit*.jsonl\n", ""),
        ("an id without seq", ", ocsf.unmapped.sekisho.seq", ""),
        ("an id of what a record does not have", "ocsf.device.uid", "ocsf.device.id"),
        ("an option that there is none of", "message_max_bytes", "max_bytes"),
        ("known by what it begins with", "prospector.scanner.fingerprint.enabled: false", "prospector.scanner.fingerprint.enabled: true"),
    ]),
    ("wazuh/ossec.conf", check_wazuh, [
        ("no XML", "</localfile>", "</localfil>"),
        ("another place", "/var/log/sekisho/otp/", "/var/log/sekisho/verifier/"),
        ("an option that there is none of", "location>", "path>"),
        ("what came meanwhile is left out", "<only-future-events>no", "<only-future-events>yes"),
    ]),
    ("rsyslog/terminal.conf", check_rsyslog, [
        ("the verifier's log is left out", 'file="/var/log/sekisho/otp/', 'file="/var/log/sekisho/'),
        ("too small", '"300k"', '"8k"'),
        ("no queue on the disk", 'queue.filename="sekisho"', ""),
    ]),
    ("journal/upload.conf", check_journal("upload.conf"), [("an option that there is none of", "URL=", "Url=")]),
    ("journal/remote.conf", check_journal("remote.conf"), [("an option that there is none of", "SplitMode", "Split")]),
]


def says(check, text):
    """None, or what is wrong."""
    try:
        check(text)
    except (Wrong, KeyError, TypeError, ValueError, AttributeError, StopIteration, configparser.Error,
            xml.etree.ElementTree.ParseError, *([yaml.YAMLError] if yaml else [])) as e:
        return f"{type(e).__name__}: {e}"
    return None


def main():
    if yaml is None:
        print("needs python3-yaml")
        return 77
    failed = 0
    record = a_record()
    for path in KEY:
        at(record, path)
    for name, check, spoilt in ROWS:
        text = (COLLECTORS / name).read_text()
        wrong = says(check, text)
        print("FAIL" if wrong else "ok  ", name, wrong or "")
        failed += wrong is not None
        for what, old, new in spoilt:
            if old not in text:
                print("FAIL", name, f"has no {old!r}")
                failed += 1
            elif not says(check, text.replace(old, new)):
                print("FAIL", name, what, "was not found")
                failed += 1
    listed = {str(f.relative_to(COLLECTORS).parent) for f in COLLECTORS.rglob("*") if f.is_file()} - {"."}
    readme = (COLLECTORS / "README").read_text()
    for directory in sorted(listed):
        if f"\n{directory}/" not in readme:
            print("FAIL", "the README says nothing of", directory)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
