# SPDX-License-Identifier: GPL-2.0-or-later
"""Very many records, faster than they are written: lines of our own writer over and over, each with the number and the hash that
it has in the one chain that they make."""
import hashlib
import re
import subprocess

BATCH = 1000


class Chain:
    def __init__(self, build, directory, different):
        """So many different events, of a whole year."""
        subprocess.run([f"{build}/agent/audit/make_record", directory, str(different)], check=True)
        lines = b"".join(f.read_bytes() for f in sorted((directory / "var/log/sekisho").glob("audit*.jsonl"))).splitlines()
        cut = re.compile(rb'(.*"log":"agent","seq":)\d+(,"prev":")[0-9a-f]{64}(.*)')
        self.pieces = [cut.fullmatch(line).groups() for line in lines]
        self.seq, self.head = 0, b"0" * 64

    def lines(self, count=BATCH):
        out = []
        for self.seq in range(self.seq + 1, self.seq + count + 1):
            start, middle, end = self.pieces[self.seq % len(self.pieces)]
            line = b"%s%d%s%s%s" % (start, self.seq, middle, self.head, end)
            self.head = hashlib.sha256(line).hexdigest().encode()
            out.append(line)
        return b"\n".join(out) + b"\n"

    def write(self, path, records):
        with open(path, "wb") as file:
            while self.seq < records:
                file.write(self.lines(min(BATCH, records - self.seq)))
