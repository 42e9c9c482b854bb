"""The Dockerfile's own steps, carried out in a clean folder: what the image would hold, and whether it can run."""

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compiled_pipelines import DATA_SETS, compiled
from support.named_code import import_all, named_code
from support.stage_build import Built, carry_out

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "models", "pipeline", "preprocessing")
_EXTRAS = (
    "targets.vertex.trainer={machine_type: n1-standard-8}",
    "targets.vertex.endpoint={name: penguins, serving_image: serving}",
)


_TAKEN = (
    "agentplatform", "google", "kubernetes", "nltk", "numpy", "pandas", "scipy", "sklearn", "sqlalchemy", "tensorflow",
    "tf_keras", "vertexai",
)  # fmt: skip
"""Large packages whose byte code is there before they are installed, from the environment of these tests: it is
installed from the same cache, and uv compiles what has none, or that of another file. A minute less."""


@dataclass(frozen=True)
class Image:
    """What was built: the environment, the variables of a step's process, and a folder that is empty."""

    environment: Path
    variables: dict[str, str]
    elsewhere: Path
    built: Built

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return self.environment / "lib" / "python3.11" / "site-packages"


@pytest.fixture(scope="module")
def image() -> Image:
    # In the folder of this run of the suite, which goes when that has ended: most of its 3.5 GB are links to the cache
    # of uv, and no test waits until 100,000 files are deleted.
    folder = Path(tempfile.mkdtemp(prefix="lockgate-image-")).resolve()
    environment, elsewhere = folder / "lockgate", folder / "elsewhere"
    elsewhere.mkdir()
    arguments = {"VENV": str(environment), "BUILD": str(folder / "build"), "UV_LINK_MODE": "hardlink"}
    _take_byte_code(environment)
    built = carry_out(ROOT, "installed", arguments, folder)
    variables = {"PATH": f"{environment}/bin:/usr/bin:/bin", "HOME": str(elsewhere), "LANG": "C.UTF-8"}
    return Image(environment, variables, elsewhere, built)


def _take_byte_code(environment: Path) -> None:
    here, there = (each / "lib/python3.11/site-packages" for each in (Path(sys.prefix), environment))
    for package in _TAKEN:
        for file in (here / package).rglob("__pycache__/*.cpython-311.pyc"):
            copy = there / file.relative_to(here)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


@pytest.fixture(scope="module")
def named() -> dict[str, set[str]]:
    """The code that the compiled pipelines name, by target."""
    return {
        "kubeflow": set().union(*(named_code(compiled(name, "kubeflow")) for name in DATA_SETS)),
        "vertex": set().union(*(named_code(compiled(name, "vertex")) for name in DATA_SETS)),
        "vertex with its own trainer and endpoint": named_code(compiled("penguins", "vertex", *_EXTRAS)),
    }


def test_only_the_compiler_was_not_installed(image):
    assert len(image.built.left_out) == 1
    assert re.search(r"apt-get install .* g\+\+", image.built.left_out[0])
    assert len(image.built.commands) == 3


def test_the_compiled_pipelines_name_what_is_looked_for(named):
    for pipeline in ("kubeflow", "vertex"):
        assert {
            "components.example_gen.executor:Executor",
            "components.example_gen.driver:Driver",
            "components.trainer.run_fn:run_fn",
            "components.pusher.executor:Executor",
            "components.transform.executor:Executor",
            "preprocessing.transform:preprocessing_fn",
            "pipeline.runners.container_entrypoint",
        } <= named[pipeline]
    others = named["vertex with its own trainer and endpoint"] - named["vertex"]
    assert any("google_cloud_ai_platform" in path for path in others), others


def test_all_code_that_the_compiled_pipelines_name_is_imported_from_the_image(image, named):
    paths = set().union(*named.values())
    report = import_all(image.python, paths, image.variables, image.elsewhere)
    assert report["failed"] == {}
    assert report["files"].keys() == paths
    assert [file for file in report["files"].values() if not Path(file).is_relative_to(image.site_packages)] == []


def test_a_module_that_is_not_there_is_noticed(image):
    gone = {"pipeline.runners.gone", "pipeline.cli:gone"}
    assert import_all(image.python, gone, image.variables, image.elsewhere)["failed"].keys() == gone


def test_every_file_of_our_packages_is_in_it_unchanged(image):
    # Compared with what was copied at the time; documents are left out.
    context = image.built.context
    names = {
        path.relative_to(context).as_posix()
        for each in PACKAGES
        for path in (context / each).rglob("*")
        if path.is_file() and path.suffix != ".md"
    }
    assert {
        "pipeline/config/schema.json",
        "components/smoke_test/checks/allowed_ops.txt",
        "components/smoke_test/report.html.jinja",
        "components/smoke_test/report.schema.json",
    } <= names
    differs = [
        name
        for name in names
        if not (image.site_packages / name).is_file()
        or (image.site_packages / name).read_bytes() != (context / name).read_bytes()
    ]
    assert differs == []


def test_every_module_has_byte_code_that_python_takes(image):
    # By the import system's rule: behind the magic number and the flags stand the source's time, in seconds, and size.
    packages = (*PACKAGES, "tfx", "apache_beam", "keras")
    assert not {*packages} & {*_TAKEN}
    for package in packages:
        sources = list((image.site_packages / package).rglob("*.py"))
        assert sources, package
        assert [path for path in sources if not _has_byte_code(path)] == []


def _has_byte_code(source: Path) -> bool:
    compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"
    if not compiled.is_file():
        return False
    time, size = struct.unpack("<II", compiled.read_bytes()[8:16])
    return (time, size) == (int(source.stat().st_mtime), source.stat().st_size)


def test_it_holds_what_is_locked_and_neither_tools_nor_tests_nor_caches(image):
    locked = re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    installed = {path.name.partition("-")[0] for path in image.site_packages.glob("*.dist-info")}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in installed} == {*locked, "lockgate", "pip"}
    assert not list(image.site_packages.glob("__editable__*"))
    assert not (image.environment / "bin" / "uv").exists()
    assert not list((image.built.root / "home").glob(".cache/*"))
    assert not [path for path in image.environment.rglob("*.pth") if str(ROOT) in path.read_text()]


def test_every_shared_library_that_the_wheels_lack_is_in_the_base_image(image):
    # By their sonames: the C library, the compiler's runtime and zlib, which Debian's apt and dpkg themselves need.
    base = {
        "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "ld-linux-x86-64.so.2",
        "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
    }  # fmt: skip
    libraries = [path for path in image.site_packages.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    assert len(libraries) > 300
    brought = {path.name for path in libraries}
    needed = set()
    for path in libraries:
        needed |= _needed(path)
    assert needed - brought - base == set()


def _needed(library: Path) -> set[str]:
    said = subprocess.run(["readelf", "--dynamic", library], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", said))


def test_lockgate_says_its_version(image):
    done = subprocess.run(
        [image.environment / "bin" / "lockgate", "--version"],
        cwd=image.elsewhere,
        env=image.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert (done.returncode, done.stdout.split()[-1]) == (0, version), done.stderr
