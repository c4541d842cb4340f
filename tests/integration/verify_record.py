#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verifies a Sekisho record without any code of Sekisho: Python's standard library and openssl(1), short enough to read.

    verify_record.py [--key FILE] [--prev HEX] [--head LOG:SEQ:HEX] FILE...

The files of one log, oldest first: closed.jsonl (if there is one), audit-00000001.jsonl, ..., audit.jsonl. Each line is
one JSON object. unmapped.sekisho holds log (a name), seq (a number) and prev: the SHA-256, in lower-case hex, of the bytes
of the line before, without its newline; 64 zeros in the first line of a log. --prev: what the first line must name
instead, or "any". An anchor has unmapped.sekisho.anchor: an Ed25519 signature over the few lines that anchor_text()
makes, of the number and hash of the line before it. Its `next` is the key that signs from there on. --key: the first
key, as `sekishoctl audit key` printed it when the terminal was enrolled; without it no signature is looked at.
closed.jsonl holds the last lines of segments that were deleted: nothing but signatures can be checked there. Its last one
may still be there, if the machine stopped in between: it must end with that very line.

Prints the number of records, the first and last seq, the head (the hash of the last line), and up to where it is signed.
What comes after the last anchor that somebody else holds (--head), root of the terminal can have written anew.
Exit status: 0 whole, 1 not whole, 2 cannot read.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

LINE_MAX = 256 * 1024
ZEROS = "0" * 64


def no_duplicates(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is not JSON")


def own_fields(line):
    """unmapped.sekisho of one line, its chain fields checked; ValueError says what is wrong."""
    if len(line) > LINE_MAX:
        raise ValueError("too long")
    event = json.loads(line.decode("utf-8"), object_pairs_hook=no_duplicates, parse_constant=no_constant)
    try:
        own = event["unmapped"]["sekisho"]
        log, seq, prev = own["log"], own["seq"], own["prev"]
    except (KeyError, TypeError, IndexError):
        raise ValueError("no chain fields") from None
    if not (type(log) is str and re.fullmatch("[a-z0-9-]{1,63}", log)
            and type(seq) is int and 1 <= seq < 2 ** 53
            and type(prev) is str and re.fullmatch("[0-9a-f]{64}", prev)):
        raise ValueError("chain fields of the wrong kind")
    return own


def anchor_text(log, a):
    return (f"sekisho-anchor 1\nlog {log}\nmachine {a['machine']}\ntime {a['time']}\nseq {a['seq']}\nhead {a['head']}\n"
            f"segment {a['segment']}\nnext {a['next'] or '-'}\n").encode()


def is_signed(text, key, signature):
    """openssl's word for it. 302a... is how a public key of Ed25519 begins (RFC 8410)."""
    with tempfile.TemporaryDirectory() as directory:
        def put(name, data):
            path = os.path.join(directory, name)
            with open(path, "wb") as f:
                f.write(data)
            return path
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-in", put("text", text), "-inkey",
             put("key", bytes.fromhex("302a300506032b6570032100" + key)), "-sigfile", put("signature", bytes.fromhex(signature))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Chain:
    """One log, file after file."""

    def __init__(self, prev=ZEROS, key=None, heads=()):
        self.head, self.key, self.heads = prev, key, {(log, seq): hash for log, seq, hash in heads}
        self.records, self.first, self.last, self.log, self.signed = 0, 0, 0, None, 0
        self.before = None  # the last line of closed.jsonl: head, key and number before it

    def anchor(self, own):
        a = own["anchor"]
        if not (type(a) is dict and all(re.fullmatch("[0-9a-f]{%d}" % n, str(a.get(k))) for k, n in
                                        (("head", 64), ("key", 64), ("signature", 128)))
                and re.fullmatch("[0-9A-Za-z-]{0,63}", str(a.get("machine"))) and "next" in a
                and (a["next"] is None or re.fullmatch("[0-9a-f]{64}", str(a["next"])))
                and all(type(a.get(k)) is int and a[k] >= 0 for k in ("time", "seq", "segment"))):
            raise ValueError("the anchor is damaged")
        if a["seq"] + 1 != own["seq"] or a["head"] != own["prev"]:
            raise ValueError("the anchor speaks of another line")
        if self.key and not is_signed(anchor_text(own["log"], a), self.key, a["signature"]):
            raise ValueError("the anchor is not signed by the key that must have signed it")
        self.key, self.signed = self.key and (a["next"] or self.key), a["seq"]

    def line(self, line, closed=False):
        if not line.endswith(b"\n"):
            raise ValueError("the last line is incomplete")
        line = line[:-1]
        own = own_fields(line)
        if self.log is not None and own["log"] != self.log:
            raise ValueError("belongs to another log")
        if closed:
            self.before = self.head, self.key, self.last
        elif self.before:
            if own["seq"] <= self.last:
                self.heads[self.log, self.last] = self.head
                self.head, self.key, self.last = self.before
            self.before = None
        if not closed and self.head is not None and own["prev"] != self.head:
            raise ValueError("does not follow the line before it")
        if self.log is not None and own["seq"] != self.last + 1 and not (closed and own["seq"] > self.last):
            raise ValueError("seq does not follow")
        if "anchor" in own or closed:
            self.anchor(own)
        self.log, self.last, self.head = own["log"], own["seq"], hashlib.sha256(line).hexdigest()
        if self.heads.pop((self.log, self.last), self.head) != self.head:
            raise ValueError("is not the line whose hash is known from elsewhere")
        self.first = self.first or self.last
        self.records += 1

    def read(self, stream, closed=False):
        for number, line in enumerate(stream, 1):
            try:
                self.line(line, closed)
            except (ValueError, RecursionError, KeyError) as error:
                raise ValueError(f"line {number}: {error}") from None

    def end(self):
        missing = [seq for log, seq in self.heads if log == self.log and seq > self.last]
        if missing:
            raise ValueError(f"records are missing at the end: {max(missing)} is known from elsewhere")


def verify(stream, first_prev=ZEROS):
    """(records, first seq, last seq, head) of a binary stream; ValueError names the first line that is wrong."""
    chain = Chain(first_prev)
    chain.read(stream)
    return chain.records, chain.first, chain.last, chain.head or ZEROS


def main(arguments):
    options = {"--prev": ZEROS, "--key": None, "--head": None}
    while len(arguments) > 1 and arguments[0] in options:
        options[arguments[0]], arguments = arguments[1], arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    path = None
    try:
        key, heads = None, []
        if options["--key"]:
            with open(options["--key"]) as f:  # ssh-ed25519 BASE64 comment: the last 32 bytes are the key
                line = next(line for line in f if line.startswith("ssh-ed25519 "))
                key = base64.b64decode(line.split()[1])[-32:].hex()
        if options["--head"]:
            log, seq, head = options["--head"].split(":")
            heads = [(log, int(seq), head)]
        chain = Chain(None if options["--prev"] == "any" else options["--prev"], key, heads)
        for path in arguments:
            with open(path, "rb") as stream:
                chain.read(stream, os.path.basename(path) == "closed.jsonl")
        chain.end()
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    except (OSError, StopIteration) as error:
        print(error, file=sys.stderr)
        return 2
    print("%d records, seq %d to %d, head %s" % (chain.records, chain.first, chain.last, chain.head or ZEROS))
    print("signed up to %d" % chain.signed if key else "signatures were not looked at")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
