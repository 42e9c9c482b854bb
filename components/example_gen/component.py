"""Our ExampleGen as a TFX component: the stock file-based one's inputs and outputs, our driver and executor."""

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import Channel
from tfx.types.component_spec import ExecutionParameter

from components.artifacts.splits import SPLITS
from components.example_gen.driver import Driver
from components.example_gen.executor import Executor
from components.example_gen.job import JOB_KEY, IngestJob


class ArrowExampleGenSpec(standard_component_specs.FileBasedExampleGenSpec):
    """The stock file-based ExampleGen's, the job, and the fingerprint."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        JOB_KEY: ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }


class ArrowExampleGen(FileBasedExampleGen):
    """Reads tables with Arrow and writes gzipped TFRecords of tf.Example in the splits train, eval and test.

    A subclass of the stock component, so that the Kubeflow compiler gives it the driver step. Its constructor is not
    called: that one makes a spec without the job.
    """

    SPEC_CLASS = ArrowExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver
    CODE = ("components.example_gen.executor", "components.example_gen.driver")
    """What the results depend on: these modules and what they import."""

    def __init__(self, *, input_base: str, inputs: dict[str, str], job: IngestJob, code_fingerprint: str) -> None:
        """Wires ExampleGen into a pipeline.

        Args:
          input_base: the folder or URL that the patterns start from.
          inputs: a pattern for each split, or one under "all" that the job's split rule divides.
          job: how the examples are made.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
        """
        # For components downstream only the names count: the rows are divided by the job.
        output = [example_gen_pb2.SplitConfig.Split(name=split, hash_buckets=1) for split in SPLITS]
        divided = example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=output))
        BaseBeamComponent.__init__(
            self,
            spec=ArrowExampleGenSpec(
                input_base=input_base,
                input_config=example_gen_pb2.Input(
                    splits=[example_gen_pb2.Input.Split(name=name, pattern=inputs[name]) for name in inputs]
                ),
                output_config=divided if list(inputs) == ["all"] else example_gen_pb2.Output(),
                output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
                output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
                examples=Channel(type=standard_artifacts.Examples),
                **{JOB_KEY: job.to_json(), "code_fingerprint": code_fingerprint},
            ),
        )
