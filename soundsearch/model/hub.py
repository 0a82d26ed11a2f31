"""Models on the hub that can be downloaded: which files, at which revision, with which digests."""

from dataclasses import dataclass

from soundsearch.errors import ModelError


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository. What is not known before is None and taken from the server's answer."""

    name: str
    size: int | None = None  # bytes
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class HubModel:
    """A checkpoint on the hub at one revision, with the files that are needed of it.

    `size_bytes` is for people: where the size of the weights is not known exactly it is rounded.
    """

    name: str
    title: str
    repository: str
    revision: str
    files: tuple[HubFile, ...]
    size_bytes: int
    description: str
    licence: str
    recommended: bool = False


def _files(weights: HubFile, *others: HubFile) -> tuple[HubFile, ...]:
    """Small files first: a wrong address or revision shows before hundreds of megabytes have come."""
    known = {file.name: file for file in others}
    names = (
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.json",
        "merges.txt",
    )
    return (*(known.get(name, HubFile(name)) for name in names), weights)


HUB_MODELS: tuple[HubModel, ...] = (
    HubModel(
        name="clap-htsat-fused",
        title="LAION CLAP, fused",
        repository="laion/clap-htsat-fused",
        revision="365dea6ef167def6676140ed93bbc43f84dabb28",
        files=_files(
            HubFile("model.safetensors", None, "3f648de6d030e17494be455d323b8d191233fbae0c7ce0ba745fd21a926a63a6"),
            HubFile("config.json", None, "b1d63489dc5061da229c23d2b11e9ca731639574449f82319fabb01da7fcf480"),
            HubFile(
                "preprocessor_config.json",
                None,
                "072bdd9ba771b6d213c56f15c0f765e33192b92e481581b52271cf16c9013684",
            ),
        ),
        size_bytes=617_000_000,
        description="The full model: hears clips of any length whole. The best choice for most libraries.",
        licence="Apache-2.0",
        recommended=True,
    ),
    HubModel(
        name="clap-htsat-unfused",
        title="LAION CLAP, unfused",
        repository="laion/clap-htsat-unfused",
        revision="8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
        files=_files(HubFile("pytorch_model.bin")),
        size_bytes=618_000_000,
        description="Hears ten seconds at most: for libraries of short clips.",
        licence="Apache-2.0",
    ),
    HubModel(
        name="larger-clap-general",
        title="LAION CLAP, larger",
        repository="laion/larger_clap_general",
        revision="ada0c23a36c4e8582805bb38fec3905903f18b41",
        files=_files(
            HubFile(
                "pytorch_model.bin",
                776_444_665,
                "314eb00cce6ad68d25237b8446b659ccdb136ed4672c1bca470f142f72455026",
            ),
            HubFile("config.json", 643, "6268f76a067e3104bf9001e97d7dcc0fcfb16f3086cfb478ee72d95900d7fc1d"),
            HubFile(
                "preprocessor_config.json",
                541,
                "9739f58296aa6f9ac18008fd0150fb2649bc554985fbde86d0a4041c882ac753",
            ),
            HubFile("tokenizer.json", 2_108_774),
            HubFile(
                "tokenizer_config.json",
                1_362,
                "e2eb445cfdbf4711de620cbdf10478b0423950799e85652d9f28da47066ab86d",
            ),
            HubFile(
                "special_tokens_map.json",
                280,
                "06e405a36dfe4b9604f484f6a1e619af1a7f7d09e34a8555eb0b77b66318067f",
            ),
            HubFile("vocab.json", 798_293, "ed19656ea1707df69134c4af35c8ceda2cc9860bf2c3495026153a133670ab5e"),
            HubFile("merges.txt", 456_318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
        ),
        size_bytes=779_810_876,
        description="A larger audio tower trained on music and speech as well; slower to scan with.",
        licence="Apache-2.0",
    ),
)


def hub_model(name: str) -> HubModel:
    """Find a model by its short name or its repository's.

    Raises:
        ModelError: If there is none of that name.
    """
    short = name.rpartition("/")[2].replace("_", "-").lower()
    for model in HUB_MODELS:
        if model.name == short and name.rpartition("/")[0] in ("", model.repository.partition("/")[0]):
            return model
    names = ", ".join(model.name for model in HUB_MODELS)
    raise ModelError(f"There is no model called {name!r}.", f"Those that can be downloaded are {names}.")
