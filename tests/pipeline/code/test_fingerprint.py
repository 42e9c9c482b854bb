import sys

import pytest

from pipeline.code.fingerprint import _closure, fingerprint
from preprocessing.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """own/{__init__,a,b,c}.py where a imports b, b imports numpy, and nobody imports c."""
    folder = tmp_path / "own_for_fingerprint"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("from . import b\n\ndef f():\n    return b\n")
    (folder / "b.py").write_text("import numpy\n")
    (folder / "c.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def _of(package, name="a"):
    return fingerprint([f"{package.name}.{name}"])


def test_it_is_stable_and_imports_nothing(package):
    assert _of(package) == _of(package)
    assert not any(name.startswith(package.name) for name in sys.modules)


@pytest.mark.parametrize("edited", ["a.py", "b.py", "__init__.py"])
def test_an_edit_of_the_module_or_of_what_it_imports_is_seen(package, edited):
    before = _of(package)
    (package / edited).write_text((package / edited).read_text() + "# edited\n")
    assert _of(package) != before


def test_an_edit_of_what_is_not_imported_is_not_seen(package):
    before = _of(package)
    (package / "c.py").write_text("x = 2\n")
    assert _of(package) == before


def test_an_import_inside_a_function_counts(package):
    (package / "a.py").write_text("def f():\n    from own_for_fingerprint.c import x\n    return x\n")
    before = _of(package)
    (package / "c.py").write_text("x = 2\n")
    assert _of(package) != before


@pytest.mark.parametrize("statement", ["import {}", "from {} import x", "from {} import *"])
def test_a_helper_beside_the_package_counts(package, statement):
    helper = package.parent / "helper_for_fingerprint.py"
    helper.write_text("import further_for_fingerprint\nx = 1\n")
    further = package.parent / "further_for_fingerprint.py"
    further.write_text("y = 1\n")
    (package / "a.py").write_text(statement.format("helper_for_fingerprint"))
    seen = {_of(package)}
    helper.write_text(helper.read_text() + "# edited\n")
    seen.add(_of(package))
    further.write_text("y = 2\n")
    seen.add(_of(package))
    assert len(seen) == 3


def test_libraries_are_left_out(package):
    (package / "a.py").write_text("import json, pytest\nfrom numpy import ma\n")
    assert set(_closure([f"{package.name}.a"])) == {package.name, f"{package.name}.a"}


def test_an_installed_package_of_the_users_own_is_hashed():
    # As pytest is installed, so may be the package that holds the user's function.
    assert {"pytest", "pytest.__main__"} <= set(_closure(["pytest.__main__"]))


def test_a_module_that_is_not_python_is_named_with_its_line(package):
    (package / "b.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(UserError, match=r"b\.py, line 2: "):
        _of(package)


def test_a_missing_module_is_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=f"{package.name}.nothing"):
        _of(package, "nothing")


def test_training_code_is_behind_the_trainer_and_not_behind_transform():
    transform = set(_closure(["preprocessing.transform"]))
    trainer = set(_closure(["components.trainer.run_fn"]))
    assert {"preprocessing.raw_columns", "preprocessing.dates", "preprocessing.features"} <= transform
    assert not {name for name in transform if name.startswith(("models", "components", "pipeline"))}
    assert {"models.dcn", "models.registry", "components.trainer.export", "preprocessing.input_pipeline"} <= trainer
