# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command took, by itself: a process that Python starts inherits Python's memory in its own account (ru_maxrss of a
child that was forked), so time(1), which is small, starts it."""
import collections
import os
import statistics
import subprocess
import tempfile

Used = collections.namedtuple("Used", "wall processor kib")


def run(command, good=(0,), **options):
    """Seconds from start to end, seconds of the processor (user and system), KiB at most."""
    with tempfile.NamedTemporaryFile("r") as said:
        done = subprocess.run(["/usr/bin/time", "-q", "-f", "%e %U %S %M", "-o", said.name, *map(str, command)], check=False,
                              stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"}, **options)
        if done.returncode not in good:
            raise SystemExit(f"{command[:4]}: status {done.returncode}")
        wall, user, system, kib = said.read().split()
    return Used(float(wall), float(user) + float(system), int(kib))


def median(runs):
    return Used(*(statistics.median(column) for column in zip(*runs)))


def load():
    return "load " + " ".join(f"{x:.0f}" for x in os.getloadavg())


def table(size, records, runs, smaller, less, head="what"):
    """Rows of processor time; runs: name -> (list of Used, share of the bytes that were given)."""
    print(f"| {head} | s | s of the processor | GB/s | records/s | MiB at most | with {less} |\n|---|---|---|---|---|---|---|")
    for name, (used, share) in runs.items():
        u = median(used)
        processor = max(u.processor, 0.01)  # time(1) counts hundredths
        print(f"| `{name}` | {u.wall:.2f} | {u.processor:.2f} | {size * share / processor / 1e9:.2f} | "
              f"{records * share / processor:,.0f} | {u.kib / 1024:.1f} | {smaller[name] / 1024:.1f} |")
