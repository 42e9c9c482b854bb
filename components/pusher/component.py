"""The Pusher on a cluster: the stock one's inputs and outputs, and what the next run needs to know of this push."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.pusher.executor import Executor
from components.run_page import RunPage


class PusherSpec(standard_component_specs.PusherSpec):
    """The stock Pusher's, with the statistics, the page, the registry, what the manifest tells, and the fingerprint."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        **standard_component_specs.PusherSpec.PARAMETERS,
        **{
            name: ExecutionParameter(type=str)
            for name in ("registry", "provenance", "signing", "run", "code_fingerprint")
        },
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.PusherSpec.INPUTS,
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "page": ChannelParameter(type=RunPage, optional=True),
    }


class Pusher(BaseComponent):
    """Does what `tfx.components.Pusher` does; see the executor for what a version holds besides the model.

    Not a subclass of the stock component: that one's constructor makes a spec without the statistics.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = ("components.pusher.executor",)
    """What the results depend on: these modules and what they import."""

    def __init__(
        self,
        *,
        model: BaseChannel,
        model_blessing: BaseChannel | None = None,
        infra_blessing: BaseChannel | None = None,
        statistics: BaseChannel | None = None,
        page: BaseChannel | None = None,
        push_destination: pusher_pb2.PushDestination,
        registry: str = "",
        provenance: str = "",
        signing: str = "",
        run: str = "",
        code_fingerprint: str,
        **told: BaseChannel,
    ) -> None:
        """Wires Pusher into a pipeline.

        Args:
          model: the Trainer's Model.
          model_blessing: the Evaluator's.
          infra_blessing: the smoke test's.
          statistics: of the examples that the model was trained on; the version then holds them, the contract and the
            weights, for `components.champion` to find.
          page: of the run, which the version then holds too.
          push_destination: the serving folder.
          registry: a RegistryUpload as JSON; empty registers nothing.
          provenance: the job of `components.named_function` whose function gives the manifest what the run knows;
            empty tells it nothing.
          signing: a SigningConfig as JSON; empty signs nothing.
          run: the run's name.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
          told: what else that function reads; inputs of a subclass's spec.
        """
        super().__init__(
            spec=self.SPEC_CLASS(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                statistics=statistics,
                page=page,
                push_destination=push_destination,
                registry=registry,
                provenance=provenance,
                signing=signing,
                run=run,
                **told,
                code_fingerprint=code_fingerprint,
                pushed_model=Channel(type=standard_artifacts.PushedModel),
            )
        )
