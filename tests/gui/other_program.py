"""Another program on the same screen: gives a file to whoever takes it, or tells what falls on it.

    other_program.py give FILE...    a drag of these files starts when the mouse is dragged in the window
    other_program.py take            prints a JSON list of what was dropped, as the percent-encoded text/uri-list

It shares no code with soundsearch. Paths on the command line may hold any bytes.
"""

import json
import os
import sys
from urllib.parse import quote_from_bytes

from PySide6.QtCore import QByteArray, QMimeData, Qt
from PySide6.QtGui import QDrag, QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget


class Giver(QWidget):
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        lines = [b"file://" + quote_from_bytes(os.fsencode(path)).encode() for path in sys.argv[2:]]
        mime = QMimeData()
        mime.setData("text/uri-list", QByteArray(b"\r\n".join(lines) + b"\r\n"))
        drag = QDrag(self)
        drag.setMimeData(mime)
        action = drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction, Qt.DropAction.CopyAction)
        print(json.dumps({"action": action.name}), flush=True)


class Taker(QWidget):
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        raw = bytes(event.mimeData().data("text/uri-list").data()).decode("ascii")
        event.acceptProposedAction()
        print(json.dumps({"uris": raw.split(), "action": event.proposedAction().name}), flush=True)


app = QApplication(["other program"])
window = Giver() if sys.argv[1] == "give" else Taker()
window.setWindowTitle("other program")
if isinstance(window, Taker):
    window.setAcceptDrops(True)
window.resize(300, 200)
window.show()
sys.exit(app.exec())
