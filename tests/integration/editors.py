# SPDX-License-Identifier: GPL-2.0-or-later
"""Editors of two kits, as code for a Python: TITLE TEXT FILE X. What stands in one, and what is marked, it writes into FILE."""

GTK = """
import sys
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk, GLib
window = Gtk.Window(title=sys.argv[1])
text = Gtk.TextView()
text.get_buffer().set_text(sys.argv[2])
window.add(text)
window.set_default_size(300, 200)
window.move(int(sys.argv[4]), 20)
window.connect("destroy", Gtk.main_quit)
window.show_all()
def write():
    b = text.get_buffer()
    marked = b.get_selection_bounds()
    chosen = b.get_text(*marked, False) if marked else ""
    with open(sys.argv[3] + ".new", "w") as f:
        f.write(b.get_text(b.get_start_iter(), b.get_end_iter(), False) + "\\0" + chosen)
    import os
    os.rename(sys.argv[3] + ".new", sys.argv[3])
    return True
GLib.timeout_add(50, write)
Gtk.main()
"""
QT = """
import sys, os
from PyQt5.QtWidgets import QApplication, QPlainTextEdit
from PyQt5.QtCore import QTimer
app = QApplication(sys.argv[:1])
text = QPlainTextEdit(sys.argv[2])
text.setWindowTitle(sys.argv[1])
text.setGeometry(int(sys.argv[4]), 20, 300, 200)
text.show()
def write():
    with open(sys.argv[3] + ".new", "w") as f:
        f.write(text.toPlainText() + "\\0" + text.textCursor().selectedText())
    os.rename(sys.argv[3] + ".new", sys.argv[3])
timer = QTimer()
timer.timeout.connect(write)
timer.start(50)
app.exec_()
"""
