#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard on X11: what arrives where, compared byte by byte, and what is recorded when it does not."""
import fakeroot
from fakeroot import eventually
from x11lab import SessionTest

import os
import sys

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
HTML = b"<b>name</b>"
NUMBER = "氏名 山田 個人番号 123456789018\n".encode()


class Matrix(SessionTest):
    def test_zones_and_types(self):
        # xclip answers anything with the same, and one piecewise transfer at a time: large content is text here, and of all
        # kinds in test_clipboard_wayland.py.
        rows = [  # from, to, target, data, arrives
            ("juminhyo", "juminhyo", "UTF8_STRING", "山田太郎".encode(), True),
            ("juminhyo", "office", "UTF8_STRING", "山田太郎".encode(), True),
            ("office", "office", "UTF8_STRING", b"minutes", True),
            ("office", "juminhyo", "UTF8_STRING", b"minutes", False),
            ("juminhyo", "outside", "UTF8_STRING", b"secret", False),
            ("outside", "juminhyo", "UTF8_STRING", b"from nowhere", False),
            ("outside", "outside", "UTF8_STRING", b"from nowhere", False),
            ("juminhyo", "juminhyo", "image/png", PNG, True),
            ("juminhyo", "office", "image/png", PNG, False),
            ("office", "office", "image/png", PNG, False),
            ("juminhyo", "juminhyo", "text/html", HTML, True),
            ("juminhyo", "office", "text/html", HTML, False),
            ("juminhyo", "juminhyo", "text/uri-list", b"file:///tmp/a\r\n", True),
            ("juminhyo", "office", "text/uri-list", b"file:///tmp/a\r\n", False),
            ("juminhyo", "juminhyo", "application/x-own", b"what is this", False),
            ("juminhyo", "juminhyo", "UTF8_STRING", b"x" * 4096, True),
            ("juminhyo", "office", "UTF8_STRING", b"x" * 4096, True),
            ("juminhyo", "office", "UTF8_STRING", b"x" * 4097, False),
            ("juminhyo", "juminhyo", "UTF8_STRING", NUMBER, True),
            ("juminhyo", "office", "UTF8_STRING", NUMBER, False),
            ("juminhyo", "juminhyo", "UTF8_STRING", os.urandom(3_000_001), True),
            ("juminhyo", "juminhyo", "image/png", os.urandom(900_001), True),
            ("juminhyo", "juminhyo", "UTF8_STRING", os.urandom(20_000_003), True),
            ("juminhyo", "outside", "UTF8_STRING", os.urandom(3_000_003), False),
        ]
        for source, to, target, data, arrives in rows:
            with self.subTest(source=source, to=to, target=target, size=len(data)):
                self.settle(self.copy(source, data, target))
                got = self.paste(to, target)
                if arrives:
                    self.assertEqual(got, data)
                else:
                    self.assertFalse(got, f"{source} to {to}: {target} of {len(data)} bytes came through")

    def test_secondary_and_drag(self):
        for selection in ("secondary",):
            self.settle(self.copy("juminhyo", b"value", selection=selection))
            self.assertEqual(self.paste("juminhyo", selection=selection), b"value")
            self.assertFalse(self.paste("outside", selection=selection))

    def test_names_of_text(self):
        self.settle(self.copy("juminhyo", "日本 é".encode()))
        for target, expected in (("UTF8_STRING", "日本 é".encode()), ("text/plain;charset=utf-8", "日本 é".encode()),
                                 ("STRING", b"?? \xe9"), ("TEXT", "日本 é".encode()),
                                 ("COMPOUND_TEXT", b"\x1b%G" + "日本 é".encode() + b"\x1b%@")):
            self.assertEqual(self.paste("office", target), expected, target)

    def test_targets_are_what_the_flow_permits(self):
        self.settle(self.copy("juminhyo", PNG, "image/png"))
        self.assertIn("image/png", self.targets("juminhyo"))
        # One that may have nothing sees one name, so that its asking is seen.
        self.assertEqual(self.targets("office"), {"TARGETS", "TIMESTAMP", "MULTIPLE", "image/png"})
        self.settle(self.copy("juminhyo", b"text"))
        self.assertIn("UTF8_STRING", self.targets("office"))
        self.assertNotIn("image/png", self.targets("juminhyo"))

    def test_record(self):
        self.settle(self.copy("juminhyo", NUMBER))
        self.assertFalse(self.paste("office"))
        own = eventually(lambda: next((p for p in self.pastes() if p["paste"]["my_number"]), None), "the record")
        paste = own["paste"]
        self.assertEqual((own["reason"], paste["from"], paste["to"], paste["types"], paste["bytes"], paste["selection"]),
                         ("my-number", "juminhyo", "office", ["text"], len(NUMBER), "clipboard"))
        self.assertTrue(paste["from_program"].endswith("/juminhyo/xclip"), paste)
        self.assertFalse(self.paste("outside"))
        own = eventually(lambda: next((p for p in self.pastes() if p["paste"]["to"] is None), None), "the record")
        self.assertEqual(own["reason"], "default")
        text = self.machine.record_file.read_bytes()
        for secret in (b"123456789018", "山田".encode(), b"\\u5c71"):
            self.assertNotIn(secret, text)

    def test_a_permitted_paste_is_not_recorded(self):
        self.settle(self.copy("juminhyo", b"fine"))
        self.assertEqual(self.paste("office"), b"fine")
        self.assertFalse(self.paste("outside"))  # the twin: this one is
        eventually(lambda: self.pastes(), "the record")
        self.assertEqual({p["paste"]["to"] for p in self.pastes()}, {None})


if __name__ == "__main__":
    fakeroot.main()
