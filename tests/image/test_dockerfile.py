"""What the Dockerfile and .dockerignore say, without building anything."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from support.build_context import Ignored, copy_context
from support.dockerfile import Dockerfile

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "models", "pipeline", "preprocessing")
_SECRET = re.compile(r"password|passwd|secret|token|credential|api_?key|private_?key|netrc", re.IGNORECASE)
_REQUIREMENT = re.compile(r"^([a-z0-9.-]+)==(\S+) \\$", re.MULTILINE)


@pytest.fixture(scope="module")
def dockerfile():
    return Dockerfile.read(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def final(dockerfile):
    return dockerfile.stage("")


def _locked(name):
    return dict(_REQUIREMENT.findall((ROOT / name).read_text()))


def test_both_variants_are_built_from_the_same_stages_but_for_one(dockerfile):
    lineages = {
        variant: [each.name for each in dockerfile.lineage(dockerfile.stage("installed"), {"VARIANT": variant})]
        for variant in ("cpu", "gpu")
    }
    assert lineages == {"cpu": ["packages-cpu", "installed"], "gpu": ["packages-cpu", "packages-gpu", "installed"]}


def test_every_stage_is_slim_debian_with_the_projects_python_or_one_of_ours(dockerfile):
    assert re.fullmatch(r"python:3\.11-slim-bookworm(@sha256:[0-9a-f]{64})?", dockerfile.arguments["BASE"])
    names = {stage.name for stage in dockerfile.stages}
    ours = {"${BASE}", "${BEAM_SDK}", "packages-${VARIANT}"}
    assert {stage.base for stage in dockerfile.stages} <= ours | names


def test_no_image_has_a_tag_that_moves_from_version_to_version(dockerfile):
    for argument in ("BASE", "BEAM_SDK"):
        name, _, tag = dockerfile.arguments[argument].partition(":")
        assert tag not in ("", "latest"), name


def test_beams_harness_is_of_the_beam_that_is_locked(dockerfile):
    assert (
        dockerfile.arguments["BEAM_SDK"] == f"apache/beam_python3.11_sdk:{_locked('requirements.lock')['apache-beam']}"
    )


def test_the_final_stage_installs_nothing_and_takes_only_two_folders(final):
    assert final.base == "${BASE}"
    assert not [each.rest for each in final.all("RUN") if re.search(r"\b(apt(-get)?|dpkg|pip|uv)\b", each.rest)]
    assert {each.flags["from"]: each.rest for each in final.all("COPY")} == {
        "beam": "/opt/apache/beam /opt/apache/beam",
        "installed": "${VENV} ${VENV}",
    }


def test_it_runs_as_a_number_of_group_0_whose_home_the_group_may_write(final):
    [user] = final.all("USER")
    assert user.rest == "10001:0"
    [run] = final.all("RUN")
    assert "--uid 10001 --gid 0" in run.rest
    assert "chmod g=u /home/lockgate" in run.rest


def test_python_is_the_environments_and_beams_boot_uses_it_too(final):
    [environment] = final.all("ENV")
    values = environment.pairs()
    assert values["PATH"] == "${VENV}/bin:${PATH}"
    assert values["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    assert values["PYTHONUNBUFFERED"] == "1"
    assert "PYTHONDONTWRITEBYTECODE" not in values
    assert values["HOME"] == "/home/lockgate"
    assert [each.rest for each in final.all("ENTRYPOINT")] == ['["/opt/apache/beam/boot"]']


def test_labels_say_what_it_is_and_where_it_comes_from(final):
    [label] = final.all("LABEL")
    labels = label.pairs()
    assert {name.removeprefix("org.opencontainers.image.") for name in labels} == {
        "title", "description", "licenses", "version", "revision", "created", "source",
    }  # fmt: skip
    assert all(labels.values())
    declared = {each.rest.partition("=")[0] for each in final.all("ARG")}
    assert {"VERSION", "REVISION", "CREATED", "SOURCE"} <= declared
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_no_argument_or_variable_carries_a_secret(dockerfile):
    named = [*dockerfile.arguments]
    for stage in dockerfile.stages:
        named += [each.rest.partition("=")[0] for each in stage.all("ARG")]
        named += [name for each in stage.all("ENV") for name in each.pairs()]
    assert not [name for name in named if _SECRET.search(name)]


def test_every_lock_is_installed_with_its_hashes(dockerfile):
    commands = [each.rest for stage in dockerfile.stages for each in stage.all("RUN") if ".lock" in each.rest]
    assert len(commands) == 3
    assert all("--require-hashes" in command for command in commands)


def test_everything_that_is_copied_exists_and_reaches_the_engine(dockerfile):
    ignored = Ignored(ROOT / ".dockerignore")
    sources = [
        source
        for stage in dockerfile.stages
        for each in stage.all("COPY")
        if "from" not in each.flags
        for source in each.rest.split()[:-1]
    ]
    assert set(PACKAGES) < set(sources)
    assert [source for source in sources if not (ROOT / source).exists() or source in ignored] == []


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("tests/image/test_dockerfile.py", True),
        ("data/penguins/penguins.csv", True),
        ("output/model", True),
        (".venv/bin/python", True),
        (".git/config", True),
        (".env", True),
        ("requirements-dev.lock", True),
        ("Dockerfile", True),
        ("pipeline/__pycache__/cli.cpython-311.pyc", True),
        ("components/smoke_test/checks/__pycache__/x.pyc", True),
        ("pipeline/cli.py", False),
        ("components/smoke_test/report.html.jinja", False),
        ("pyproject.toml", False),
        ("requirements-gpu.lock", False),
    ],
)
def test_only_what_the_image_needs_reaches_the_engine(path, stays):
    assert (path in Ignored(ROOT / ".dockerignore")) is stays


def test_the_last_rule_that_matches_counts(tmp_path):
    # By Docker's rules: /b is let in again but for its .log files; /a/x is two levels below what `a*` matches.
    (tmp_path / ".dockerignore").write_text("# a comment\n\na*\nb\n!b\n**/*.log\n!a/keep/*.txt\n")
    ignored = Ignored(tmp_path / ".dockerignore")
    paths = ["a", "a/x/y", "b/c", "b/c/d.log", "d.log", "a/keep/k.txt", "a/keep/k.md", "ca"]
    assert [path for path in paths if path not in ignored] == ["b/c", "a/keep/k.txt", "ca"]


def test_the_context_is_small(tmp_path):
    copy_context(ROOT, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 8 * 2**20
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == sorted(PACKAGES)


def test_the_gpu_lock_holds_what_tensorflows_extra_adds_and_nothing_that_is_locked_already():
    from importlib.metadata import requires

    extra = [Requirement(each) for each in requires("tensorflow") or () if 'extra == "and-cuda"' in each]
    added = _locked("requirements-gpu.lock")
    assert len(extra) == 12
    assert [each.name for each in extra if Version(added[each.name]) not in each.specifier] == []
    assert not added.keys() & _locked("requirements.lock").keys()
    assert all(name.startswith("nvidia-") and name.endswith("-cu12") for name in added)


def test_the_gpu_lock_has_a_hash_for_every_package_and_no_address():
    text = (ROOT / "requirements-gpu.lock").read_text()
    entries = [each for each in re.split(r"^(?=\w)", text, flags=re.MULTILINE) if "==" in each]
    assert len(entries) == len(_locked("requirements-gpu.lock"))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
