"""Dialogs that come with a task of their own: built when first needed, brought up again, gone with the window."""

from functools import cached_property

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog


class DialogOwner(QObject):
    """Somebody whose dialog is built when it is first needed: the window opens sooner."""

    @cached_property
    def dialog(self) -> QDialog:
        """The dialog, of the subclass's own kind."""
        raise NotImplementedError

    @property
    def has_dialog(self) -> bool:
        """Whether it was needed yet."""
        return "dialog" in self.__dict__

    def bring_up(self) -> None:
        """Show the dialog in front of everything, ready for keys."""
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def close(self) -> None:
        """The window goes, and the dialog with it."""
        if self.has_dialog:
            self.dialog.close()
