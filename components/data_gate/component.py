"""The data gate as a TFX component."""

from collections.abc import Sequence
from typing import Literal

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.executor import Executor
from components.run_page import RunPage
from preprocessing.config import FeaturesConfig
from preprocessing.missing import USUAL_WORDS, MissingWords

_IN_CSV = MissingWords(table=USUAL_WORDS)


class DataVerdict(Artifact):
    """The folder of report.json, and of the proposed schema if there is one; see `components.data_gate.report`.

    The custom property `blessed` is 1 or 0.
    """

    # The Kubeflow compiler takes `package.Class` alone and imports the type by that path at run time.
    TYPE_NAME = "components.DataVerdict"


class DataGateSpec(ComponentSpec):
    """What goes in and out. Every parameter is a string: the Kubeflow compiler has no other type for JSON."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        "config": ExecutionParameter(type=str),
        "columns": ExecutionParameter(type=str),
        "serving_sample": ExecutionParameter(type=str),
        "serving_digest": ExecutionParameter(type=str),
        "missing": ExecutionParameter(type=str),
        "on_refusal": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
        "page_job": ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "verdict": ChannelParameter(type=DataVerdict),
        "page": ChannelParameter(type=RunPage, optional=True),
    }


class DataGate(BaseComponent):
    """Judges the data of a run: schema, drift, skew, sizes, balance, duplicates, leakage.

    Nothing downstream of it needs its output; make Transform wait for it (`transform.add_upstream_node(gate)`).
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = ("components.data_gate.executor",)
    """What the results depend on: these modules and what they import."""

    def __init__(
        self,
        *,
        statistics: BaseChannel,
        schema: BaseChannel,
        anomalies: BaseChannel,
        examples: BaseChannel,
        baseline_statistics: BaseChannel | None = None,
        config: DataGateConfig,
        features: FeaturesConfig,
        keys: Sequence[str] = (),
        divided_by: Sequence[str] = (),
        serving_sample: str = "",
        serving_digest: str = "",
        missing: MissingWords = _IN_CSV,
        on_refusal: Literal["record", "fail"] = "fail",
        code_fingerprint: str,
        page_job: str = "",
    ) -> None:
        """Wires DataGate into a pipeline.

        Args:
          statistics: of every split (StatisticsGen).
          schema: the raw Schema.
          anomalies: of every split (ExampleValidator).
          examples: the raw Examples; an `ingest.json` beside the splits lists the files that they were read from.
          baseline_statistics: what drift is measured against; the channel may hold nothing (a first run).
          config: severities and limits.
          features: says which columns the model uses and how; the others may drift as they like.
          keys: the columns that split or slice.
          divided_by: the columns that decide each row's split, where the schema was inferred from the training split.
          serving_sample: `config.serving.sample` as a path or URL that the executor can open; empty: none.
          serving_digest: a hash of that file's content, so that the cache sees another sample.
          missing: the texts that mean missing in a CSV file, for that sample.
          on_refusal: `fail` ends the component with an error after the report is written: the way to stop on a
            runner that only knows failed and done (Kubeflow, Vertex). `record` publishes `blessed` = 0, for a
            runner that reads it.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
          page_job: writes the run's page as far as it has come, the output `page`, see `components.run_page`; empty
            where the runner writes it.
        """
        page = {"page_job": page_job, "page": Channel(type=RunPage)} if page_job else {}
        super().__init__(
            spec=DataGateSpec(
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                examples=examples,
                baseline_statistics=baseline_statistics,
                config=config.to_json(),
                columns=Columns.of(features, keys, divided_by).to_json(),
                serving_sample=serving_sample,
                serving_digest=serving_digest,
                missing=missing.to_json(),
                on_refusal=on_refusal,
                code_fingerprint=code_fingerprint,
                verdict=Channel(type=DataVerdict),
                **page,
            )
        )
