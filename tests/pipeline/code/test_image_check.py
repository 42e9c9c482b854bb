"""Code that the image of the steps doesn't have is refused when the pipeline is compiled, with the reason."""

import sys
import types

import pytest
from support.compiled_pipelines import loaded
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec

from components.schema_import import executor as schema_import
from pipeline.config.targets import KubeflowTarget
from pipeline.runners.compile.compiler import compile_graph, compile_pipeline
from preprocessing.errors import UserError

TARGET = {"host": "http://127.0.0.1", "root": "minio://b/r", "image": "lockgate:1"}


@pytest.fixture
def executor_in(monkeypatch):
    """Makes an executor class that a module of this name has."""

    def make(module: str) -> type[BaseExecutor]:
        class Executor(BaseExecutor):
            def Do(self, *_):  # noqa: N802
                raise AssertionError("nothing runs here")

        Executor.__module__, Executor.__qualname__ = module, "Executor"
        if module not in sys.modules:
            package = module.partition(".")[0]
            monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
            monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
        monkeypatch.setattr(sys.modules[module], "Executor", Executor, raising=False)
        return Executor

    return make


def _component(executor: type[BaseExecutor], *, artifact: type = standard_artifacts.Schema) -> BaseComponent:
    """A component of one's own."""

    class Spec(ComponentSpec):
        PARAMETERS = {}  # noqa: RUF012
        INPUTS = {}  # noqa: RUF012
        OUTPUTS = {"out": ChannelParameter(type=artifact)}  # noqa: RUF012

    class Own(BaseComponent):
        SPEC_CLASS = Spec
        EXECUTOR_SPEC = ExecutorClassSpec(executor)

    return Own(spec=Spec(out=Channel(type=artifact)))


def _compile(component, **settings):
    target = KubeflowTarget.model_validate(TARGET | settings, strict=False)
    return compile_graph(Pipeline("own", "minio://b/r", components=[component]), target, seed=1)


def test_a_component_of_a_package_that_is_not_in_the_image(executor_in):
    with pytest.raises(
        UserError, match=r"Own: class my_package\.steps\.Executor: the package 'my_package' is not in"
    ) as e:
        _compile(_component(executor_in("my_package.steps")))
    assert e.value.hint == "install my_package in the image and name it in the target's `packages`"


def test_is_taken_when_the_image_has_the_package(executor_in):
    spec = _compile(_component(executor_in("my_package.steps")), packages=["my_package"]).spec
    arguments = spec["deploymentSpec"]["executors"]["Own_executor"]["container"]["args"]
    assert arguments[:2] == ["--executor_class_path", "my_package.steps.Executor"]


def test_a_component_that_is_defined_in_the_started_script(executor_in):
    """TFX compiles it without a word to `__main__.Executor`, which is TFX's own entry point in the container."""
    with pytest.raises(UserError, match=r"class __main__\.Executor: defined in the script that was started") as error:
        _compile(_component(executor_in("__main__")), packages=["__main__"])
    assert "move it into a module" in error.value.hint


def test_an_artifact_type_of_a_package_that_is_not_in_the_image():
    class Report(Artifact):
        TYPE_NAME = "elsewhere.Report"

    with pytest.raises(UserError, match=r"Own: artifact type elsewhere\.Report: the package 'elsewhere'"):
        _compile(_component(schema_import.Executor, artifact=Report))


def test_a_resolver_is_refused_where_nothing_implements_it():
    resolver = Resolver(strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model))
    with pytest.raises(UserError, match="Latest: open-source Kubeflow implements no resolvers") as error:
        _compile(resolver.with_id("Latest"))
    assert "ChampionLookup" in error.value.hint


def test_standard_components_are_of_tfx():
    examples = Importer(source_uri="gs://b/e", artifact_type=standard_artifacts.Examples).with_id("Examples")
    statistics = StatisticsGen(examples=examples.outputs["result"])
    target = KubeflowTarget.model_validate(TARGET, strict=False)
    pipeline = Pipeline("own", "minio://b/r", components=[examples, statistics])
    assert set(compile_graph(pipeline, target, seed=1).tasks) == {"Examples", "StatisticsGen"}


@pytest.mark.parametrize("setting", ["model.family={}", "features.preprocessing_fn={}", "evaluate.metrics=[{}]"])
def test_functions_of_ones_own_have_to_be_in_the_image(setting, tmp_path, monkeypatch):
    package = tmp_path / "my_own_birds"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code.py").write_text("def build(inputs, head, params):\n    return None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = setting.format("my_own_birds.code.build")
    with pytest.raises(UserError, match=r"function my_own_birds\.code\.build: the package 'my_own_birds' is not in"):
        compile_pipeline(loaded("penguins", own, "model.params={}"), "kubeflow")
    known = "targets.kubeflow.packages=[my_own_birds]"
    assert compile_pipeline(loaded("penguins", own, "model.params={}", known), "kubeflow").name == "penguins"
    assert "my_own_birds.code" not in sys.modules, "compiling imports nothing of the user's"
