"""What several rooms' tests need: the shared data, a sound server and a screen of their own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Beside other programs, threads that spin while they wait for each other make a test fifty times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before anything loads torch

import trainer  # noqa: F401 (where torchvision is installed it is mended, before any test imports transformers)
from soundsearch.settings import resource
from tests.checkers import EARLY, Checker

# In a fresh checkout the first text takes a second to draw, while the tables of its letters are made.
# Nor is an example judged by the clock: beside other programs each may take longer than hypothesis's 0.2 s.
settings.register_profile("patient", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("patient")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the checkout; tests that need it are skipped where there is none."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return SHARED / "data"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny fused CLAP with random weights."""
    from tests.bundles import tiny  # torch: only for the tests that need a model

    return tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what must stay in one process where the suite runs in several: the tests of a file, which share fixtures,
    and all that play, record or look at a screen, which would disturb each other."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            is_measured = {"sound_server", "display"} & set(getattr(item, "fixturenames", ()))
            group = "sound and screen" if is_measured else item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin mypy beside the first tests, on a processor that they leave idle: without its cache it takes longest."""
    is_alone = not session.config.pluginmanager.hasplugin("dsession") and not hasattr(session.config, "workerinput")
    is_wanted = any(item.nodeid.endswith("is_content[mypy]") for item in session.items)
    if is_alone and is_wanted and len(session.items) > 1 and not session.config.option.collectonly:
        session.config.stash[EARLY] = {"mypy": Checker("mypy", in_background=True)}


def pytest_unconfigure(config: pytest.Config) -> None:
    for checker in config.stash.get(EARLY, {}).values():
        checker.stop()


@pytest.fixture(scope="session")
def starter() -> str:
    """The built-in model: a process that runs it is there in a third of the time, as it imports no transformers."""
    return str(resource("model"))


class Recorder:
    """Records what the null sink is given, from the start of its context to 0.3 s after the end of it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "heard.raw"

    def __enter__(self) -> "Recorder":
        command = ["parec", "--device=proof.monitor", "--format=float32le", "--rate=48000", "--channels=2"]
        with self._file.open("wb") as file:
            self._process = subprocess.Popen([*command, "--raw", "--latency-msec=20"], stdout=file)
        deadline = time.monotonic() + 10
        while not self._file.stat().st_size:  # it is recording only once bytes flow
            assert time.monotonic() < deadline, "the recorder does not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._process.terminate()
        self._process.wait()

    @property
    def heard(self) -> np.ndarray:
        """Samples at 48 kHz so far, shape (n, 2)."""
        samples = np.fromfile(self._file, "<f4")
        return samples[: len(samples) // 2 * 2].reshape(-1, 2)


class SoundServer:
    """A private PulseAudio with one null sink."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sound"))
        self.start()

    def start(self, *, refresh: bool = True) -> None:
        """Start the server, and let PortAudio see its devices."""
        socket = self.folder / "pulse.sock"
        log = self.folder / "log"
        env = {**os.environ, "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}
        # Without norewinds the first bytes would reach the recorder 1.5 s late. The socket comes last: a client that
        # connects before there is a sink waits for ever.
        modules = [
            "module-null-sink sink_name=proof rate=48000 channels=2 norewinds=1",
            f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        ]
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", f"--log-target=newfile:{log}"]
        command = ["pulseaudio", *options, *(part for module in modules for part in ("-L", module))]
        self._process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert self._process.poll() is None, log.read_text() if log.exists() else "PulseAudio ended"
            assert time.monotonic() < deadline, "PulseAudio does not start"
            time.sleep(0.05)
        os.environ["PULSE_SERVER"] = f"unix:{socket}"
        if refresh:
            refresh_devices()

    def stop(self) -> None:
        """End the server, as when a device is unplugged."""
        self._process.terminate()
        self._process.wait(5)
        (self.folder / "pulse.sock").unlink(missing_ok=True)

    def recorder(self) -> Recorder:
        """Return a context in which everything played is recorded."""
        return Recorder(self.folder)


def refresh_devices() -> None:
    """Let PortAudio look again: it lists devices once, at its start."""
    import sounddevice

    sounddevice._terminate()
    sounddevice._initialize()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """A sound server whose output can be recorded."""
    if not (shutil.which("pulseaudio") and shutil.which("parec")):
        pytest.skip("no PulseAudio")
    try:
        import sounddevice  # noqa: F401
    except OSError as err:
        pytest.skip(str(err))
    before = os.environ.get("PULSE_SERVER")
    server = SoundServer()
    yield server
    if before is None:
        del os.environ["PULSE_SERVER"]
    else:
        os.environ["PULSE_SERVER"] = before
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)
    refresh_devices()


@pytest.fixture
def display() -> Iterator[str]:
    """A screen of one's own: the value for DISPLAY."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("no Xvfb or xdotool")
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    assert number, "Xvfb does not start"
    yield f":{number}"
    server.terminate()
    server.wait(5)
