"""What the window tells or offers on its own: once, above the results, never in the way."""

from collections.abc import Callable
from functools import partial
from pathlib import PurePath

from PySide6.QtCore import QObject

from soundsearch.engine.messages import DownloadModel, Scan
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.jobs import JobEnd
from soundsearch.gui.pages import Notice, NoticeBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.status_line import StatusLine
from soundsearch.records import LibraryStatus, ModelInfo, Root, ScanReport

OFFERED = "offers/full_model"


class Notices(QObject):
    """Watches the engine and speaks up: the full model, ended jobs, unfinished scans, a lost engine."""

    def __init__(
        self, bridge: EngineBridge, bar: NoticeBar, line: StatusLine, preferences: Preferences, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._bar = bar
        self._line = line
        self._preferences = preferences
        self._status: LibraryStatus | None = None
        self._models: tuple[ModelInfo, ...] = ()
        self.is_quiet = False  # offer nothing, as for a picture
        bridge.status_known.connect(self._take_status)
        bridge.models_known.connect(self._take_models)
        bridge.job_started.connect(lambda _: bar.take("unfinished"))
        bridge.job_ended.connect(self._job_ended)
        bridge.model_used.connect(self._model_used)
        bridge.failed.connect(self._request_failed)
        bridge.lost.connect(self._lost)
        if trouble := preferences.trouble:
            self.tell_failure(trouble.message, trouble.hint)

    def tell_failure(self, message: str, hint: str) -> None:
        """What was asked for could not be done."""
        self._bar.put(Notice("failure", f"{message} {hint}".strip(), icon="warning", token="error"))

    def _request_failed(self, message: str, hint: str) -> None:
        if self._status:  # before there is a library the page in its place says it
            self.tell_failure(message, hint)

    def offer_scan(self, folders: tuple[str, ...]) -> None:
        """Folders were dropped: scan them?"""
        if not folders:
            return
        first = display_name(PurePath(folders[0]).name or folders[0])
        what = f"“{first}”" if len(folders) == 1 else wording.count(len(folders), "folder")
        self._bar.put(
            Notice(
                "folders",
                f"Add {what} to the library and look for sounds in it?",
                "Add",
                lambda: self._bridge.scan(*folders),
                "Not now",
                icon="folder-add",
            )
        )

    def confirm_removal(self, root: Root) -> None:
        """Ask before a root is forgotten."""
        name = display_name(PurePath(root.path).name or root.path)
        text = f"Remove “{name}” from the library? {wording.count(root.clips, 'clip')} will no longer be found."
        self._bar.put(
            Notice(
                "remove",
                f"{text} The files themselves stay where they are.",
                "Remove",
                lambda: self._bridge.remove_root(root.path),
                "Keep",
                icon="remove",
                token="warn",
            )
        )

    def confirm_forgetting(self, clips: int, forget: Callable[[], None]) -> None:
        """Ask before missing clips are forgotten: that cannot be taken back."""
        text = f"Forget {wording.count(clips, 'missing clip')}? Ratings, tags and collections of them are lost."
        self._bar.put(Notice("forget", text, "Forget", forget, "Keep", icon="remove", token="warn"))

    def _take_status(self, status: LibraryStatus) -> None:
        first = self._status is None
        self._status = status
        if all(root.online for root in status.roots):
            self._bar.take("offline")
        another_model = bool(status.clips > status.failed + status.missing and not status.embedded)
        if first and (status.pending or another_model) and not self._bridge.jobs:
            left = f"{wording.count(status.pending, 'clip')} still to be analysed. The scan goes on where it stopped."
            self._bar.put(
                Notice(
                    "unfinished",
                    "This model has not heard your sounds yet." if another_model else left,
                    "Scan" if another_model else "Go on",
                    lambda: self._bridge.scan(),
                    "Later",
                    icon="refresh",
                )
            )
        self._consider_offer()

    def _take_models(self, models: tuple[ModelInfo, ...]) -> None:
        self._models = models
        self._consider_offer()

    def _consider_offer(self) -> None:
        """The full model, once, when there are results to be made better."""
        status = self._status
        if not status or not status.embedded or self._bridge.jobs or self._preferences.flag(OFFERED, False):
            return
        if self.is_quiet or self._bar.holds("offer"):
            return
        for model in self._models:
            if model.recommended and not model.installed:
                self._bar.put(
                    Notice(
                        "offer",
                        f"Better results: download the full model ({wording.size(model.size_bytes)}).",
                        "Download",
                        partial(self._answer_offer, model.name),
                        "Later",
                        self._answer_offer,
                        icon="download",
                    )
                )

    def _answer_offer(self, download: str = "") -> None:
        """Whatever the answer, it is not asked again; the menu of models stays."""
        self._preferences.window.setValue(OFFERED, True)
        if download:
            self._bridge.download_model(download)

    def _job_ended(self, end: JobEnd) -> None:
        request = end.job.request
        if not isinstance(request, DownloadModel | Scan):
            return  # `Training`, `MapPage`, `Tagging` and `Duplicates` tell it
        if end.message:
            match request:
                case DownloadModel(name):
                    what, again = "download", partial(self._bridge.download_model, name)
                case Scan(roots):
                    what, again = "scan", partial(self._bridge.scan, *roots)
            text = f"The {what} could not go on. {end.message} {end.hint}".strip()
            self._bar.put(Notice("ended", text, "Try again", again, "Dismiss", icon="warning", token="error"))
        elif isinstance(end.value, ScanReport):
            self._scan_ended(end.value)
        elif isinstance(end.value, ModelInfo):
            self._downloaded(end.value)
        elif end.stopped and isinstance(request, Scan):
            self._line.tell("Scan stopped. What was analysed is kept.")

    def _scan_ended(self, report: ScanReport) -> None:
        words = [f"Scan finished: {wording.count(report.found, 'clip')}"]
        if report.added:
            words.append(f"{report.added:,} new")
        if report.failed:
            words.append(f"{len(report.failed):,} cannot be read")
        self._line.tell(", ".join(words))
        if report.offline:
            name = display_name(PurePath(report.offline[0]).name or report.offline[0])
            more = len(report.offline) - 1
            which = f"“{name}” and {more} more cannot" if more else f"“{name}” cannot"
            text = f"{which} be reached. The clips stay listed and come back with the folder."
            again = partial(self._bridge.scan, *report.offline)
            self._bar.put(Notice("offline", text, "Look again", again, "Dismiss", icon="folder-offline", token="warn"))

    def _downloaded(self, model: ModelInfo) -> None:
        self._bridge.list_models()
        self._bar.put(
            Notice(
                "downloaded",
                f"{model.title} is here. To use it, your sounds are analysed once more, in the background.",
                "Use it",
                lambda: self._bridge.use_model(model.name),
                "Later",
                icon="check",
                token="accent",
            )
        )

    def _model_used(self, model: ModelInfo) -> None:
        self._bar.take("downloaded")
        self._preferences.save()  # the engine wrote the file from what it had read at its start
        self._line.show_model(model.name, model.title)
        self._bridge.list_models()
        if self._status and self._status.roots:
            self._bridge.scan()

    def _lost(self, restarted: bool) -> None:
        if not restarted:
            self._bar.take("lost")  # it is not there again after all; the page in place of the results says so
        else:
            self._bar.put(
                Notice(
                    "lost",
                    "The search engine stopped and was started again. Nothing that was analysed is lost.",
                    "Scan again" if self._status and self._status.roots else "",
                    lambda: self._bridge.scan(),
                    "Dismiss",
                    icon="warning",
                    token="warn",
                )
            )
