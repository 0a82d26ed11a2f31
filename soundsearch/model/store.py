"""ModelStore: which models there are, where they lie, and how one from the hub becomes a bundle. Imports no torch."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from soundsearch.errors import ModelError
from soundsearch.model.bundle import MANIFEST, Bundle, write_manifest
from soundsearch.model.download import download
from soundsearch.model.hub import HUB_MODELS, HubModel, hub_model
from soundsearch.model.personal import describe, is_personal, summary, why_not
from soundsearch.records import ModelInfo, Progress
from soundsearch.settings import resource

log = logging.getLogger(__name__)

STARTER = "starter"
SAFE_WEIGHTS = "model.safetensors"


class ModelStore:
    """The built-in model, the hub's and the user's own, by name."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        """Take the folder that installed models lie in and the address of the hub or a mirror."""
        self._folder = folder
        self._endpoint = endpoint

    def open(self, name: str) -> Bundle:
        """Open a model by its name, or by the path of its folder.

        Raises:
            ModelError: If it is not there, not downloaded yet, or not a usable model.
        """
        if name == STARTER:
            return Bundle.open(resource("model"))
        if (folder := self._home(name)) is not None:
            return Bundle.open(folder)
        if Path(name).is_dir():
            return Bundle.open(Path(name).absolute())
        model = hub_model(name)
        raise ModelError(
            f"The model {model.name} is not downloaded yet.", f"Run: soundsearch models download {model.name}"
        )

    def list(self, active: str) -> tuple[ModelInfo, ...]:
        """Every model that can be used or downloaded: the starter, the hub's, then the user's own by name."""
        infos = [self._installed_info(Bundle.open(resource("model")), active, STARTER)]
        for model in HUB_MODELS:
            home = self._home(model.name)
            infos.append(
                self._installed_info(Bundle.open(home), active, model.name, model.recommended)
                if home
                else ModelInfo(
                    model.name,
                    model.title,
                    False,
                    active == model.name,
                    model.size_bytes,
                    model.description,
                    model.licence,
                    model.recommended,
                )
            )
        known = {info.name for info in infos}
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else []:
            if folder.name in known or folder.name.startswith(".") or not (folder / MANIFEST).is_file():
                continue
            try:
                infos.append(self._installed_info(Bundle.open(folder), active, folder.name))
            except ModelError:  # one that cannot be opened is not offered; `check` says why
                continue
        return tuple(infos)

    def info(self, name: str, active: str) -> ModelInfo:
        """The entry of one model of `list`, or of a model folder anywhere."""
        bundle = self.open(name)
        return self._installed_info(bundle, active, name)

    def installed(self) -> tuple[Bundle, ...]:
        """Every model that is here and can be opened."""
        return tuple(self.open(info.name) for info in self.list("") if info.installed)

    def remove(self, name: str) -> Bundle:
        """Delete an installed model; returns what it was.

        Raises:
            ModelError: If it is not one of the installed models, or cannot be deleted.
        """
        home = self._home(name)
        if home is None or home.name.startswith("."):
            what = "comes with the program" if name == STARTER else "is not among the installed models"
            raise ModelError(f"The model {name} cannot be removed: it {what}.", "soundsearch models list shows them.")
        bundle = Bundle.open(home)
        try:
            # Without its manifest it is no model any more: what a stop in the middle leaves is not offered.
            (home / MANIFEST).unlink()
            shutil.rmtree(home)
        except OSError as err:
            raise ModelError(f"Cannot remove all of {home}: {err.strerror}.", "Delete the folder by hand.") from err
        return bundle

    def install(self, name: str) -> Iterator[Progress]:
        """Download a hub model, make a bundle of it and let it through the load gate.

        Raises:
            ModelError: If it cannot be downloaded, or is not good. What has come is kept for the next try.
        """
        model = hub_model(name)
        folder = self._folder / model.name
        if not (folder / MANIFEST).is_file():
            # Weights that were converted already are not fetched again, when only the last step is lacking.
            if not (_is_converted(model) and (folder / SAFE_WEIGHTS).is_file()):
                yield from download(model, folder, self._endpoint)
            yield Progress("check", detail="Preparing the model")
            _make_bundle(model, folder)
        yield Progress("check", detail="Checking the model")
        try:
            self.check(model.name)
        except ModelError:
            (folder / MANIFEST).unlink(missing_ok=True)  # not offered, and mended by the next download
            if _is_converted(model):
                (folder / SAFE_WEIGHTS).unlink(missing_ok=True)
            raise

    def check(self, name: str) -> Bundle:
        """Load a model and run the load gate.

        Raises:
            ModelError: If a checksum, a tensor or what it computes is wrong.
        """
        from soundsearch.model.clap import ClapEncoder  # torch: only where a model is really run

        bundle = self.open(name)
        ClapEncoder(bundle, "cpu", "float32").check()
        return bundle

    def _home(self, name: str) -> Path | None:
        """Folder of an installed model."""
        short = name.rpartition("/")[2].replace("_", "-").lower()
        for candidate in (name, short):
            if candidate and "/" not in candidate and (self._folder / candidate / MANIFEST).is_file():
                return self._folder / candidate
        return None

    @staticmethod
    def _installed_info(bundle: Bundle, active: str, name: str, recommended: bool = False) -> ModelInfo:
        is_own = is_personal(bundle.manifest)
        report = bundle.folder / str(bundle.manifest.get("personal", {}).get("report", "")) if is_own else bundle.folder
        return ModelInfo(
            name,
            bundle.title,
            True,
            active == name,
            bundle.size_bytes,
            describe(bundle.manifest) if is_own else bundle.description,
            bundle.licence,
            recommended,
            personal=is_own,
            summary=summary(bundle.manifest) if is_own else "",
            reason=why_not(bundle.manifest),
            report=str(report) if report.is_file() else "",
        )


def _is_converted(model: HubModel) -> bool:
    """Whether the hub has this model's weights in the unsafe format only."""
    return all(file.name != SAFE_WEIGHTS for file in model.files)


def _make_bundle(model: HubModel, folder: Path) -> None:
    """Bring weights into safetensors, where they are not, and write the manifest: the last step."""
    if not (folder / SAFE_WEIGHTS).exists():
        from soundsearch.model.weights import convert_weights

        convert_weights(folder / "pytorch_model.bin", folder / SAFE_WEIGHTS)
    if _is_converted(model):
        (folder / "pytorch_model.bin").unlink(missing_ok=True)
    bundle = Bundle.open(folder)
    write_manifest(
        folder,
        name=model.name,
        title=model.title,
        description=model.description,
        licence=model.licence,
        front_end=bundle.front_end,
        source={"repository": model.repository, "revision": model.revision},
    )
