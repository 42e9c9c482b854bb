import sys

import pytest

from pipeline.fingerprint import _closure, fingerprint


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


def test_a_missing_module_is_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=f"{package.name}.nothing"):
        _of(package, "nothing")


def test_training_code_is_behind_the_trainer_and_not_behind_transform():
    transform = set(_closure(["preprocessing.transform"]))
    trainer = set(_closure(["components.trainer.run_fn"]))
    assert {"preprocessing.raw_columns", "preprocessing.dates", "preprocessing.features"} <= transform
    assert not {name for name in transform if name.startswith(("models", "components", "pipeline"))}
    assert {"models.dcn", "models.registry", "components.trainer.export", "preprocessing.input_pipeline"} <= trainer
