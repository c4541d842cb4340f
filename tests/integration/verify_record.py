#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verifies a Sekisho record without any code of Sekisho: Python's standard library alone, short enough to read.

    verify_record.py [--prev HEX] FILE

Each line is one JSON object. unmapped.sekisho holds log (a name), seq (a number) and prev: the SHA-256, in lower-case hex,
of the bytes of the line before, without its newline; 64 zeros in the first line of a log. --prev: what the first line of
this file must name instead (an older segment's head), or "any".

Prints the number of records, the first and last seq and the head (the hash of the last line). Compare the head with one
that was kept elsewhere: without it, neither a change of the last line, nor a missing end, nor a file written anew by
somebody who may write to it can be seen. Exit status: 0 whole, 1 not whole, 2 cannot read.
"""
import hashlib
import json
import re
import sys

LINE_MAX = 256 * 1024


def no_duplicates(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is not JSON")


def chain_fields(line):
    """(log, seq, prev) of one line; ValueError says what is wrong."""
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
    return log, seq, prev


def verify(stream, first_prev="0" * 64):
    """(records, first seq, last seq, head) of a binary stream; ValueError names the first line that is wrong."""
    records, first, last, name, head = 0, 0, 0, None, first_prev
    for line in stream:
        try:
            if not line.endswith(b"\n"):
                raise ValueError("the last line is incomplete")
            line = line[:-1]
            log, seq, prev = chain_fields(line)
            if name is not None and log != name:
                raise ValueError("belongs to another log")
            if head is not None and prev != head:
                raise ValueError("does not follow the line before it")
            if name is not None and seq != last + 1:
                raise ValueError("seq does not follow")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {records + 1}: {error}") from None
        name, last, head = log, seq, hashlib.sha256(line).hexdigest()
        first = first or seq
        records += 1
    return records, first, last, head or "0" * 64


def main(arguments):
    first_prev = "0" * 64
    if len(arguments) == 3 and arguments[0] == "--prev":
        first_prev = None if arguments[1] == "any" else arguments[1]
        arguments = arguments[2:]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        with open(arguments[0], "rb") as stream:
            print("%d records, seq %d to %d, head %s" % verify(stream, first_prev))
    except ValueError as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
