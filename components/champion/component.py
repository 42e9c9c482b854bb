"""The champion as a TFX component, for runners without resolvers."""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.champion.executor import Executor


class ChampionLookupSpec(ComponentSpec):
    """What goes in and out."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        name: ExecutionParameter(type=str)
        for name in ("source", "project", "region", "api_endpoint", "code_fingerprint")
    }
    INPUTS: dict[str, Any] = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }


class ChampionLookup(BaseComponent):
    """Finds the model that serves now, and the statistics of what it was trained on.

    An output with the custom property `absent` holds nothing; its readers are to be given no artifact.
    """

    SPEC_CLASS = ChampionLookupSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = ("components.champion.executor",)
    """What the results depend on: these modules and what they import."""

    def __init__(
        self,
        *,
        source: str,
        project: str = "",
        region: str = "",
        api_endpoint: str = "",
        code_fingerprint: str,
    ) -> None:
        """Wires the component. Leave it out of the cache: what it looks at changes without it.

        Args:
          source: the serving folder, a path or a URL; or `registry:NAME@ALIAS`; or nothing, which finds nothing.
          project: the registry's project ID.
          region: the registry's region.
          api_endpoint: of the registry; empty is Google's for the region.
          code_fingerprint: a hash of this folder's code.
        """
        super().__init__(
            spec=ChampionLookupSpec(
                source=source,
                project=project,
                region=region,
                api_endpoint=api_endpoint,
                code_fingerprint=code_fingerprint,
                model=Channel(type=standard_artifacts.Model),
                baseline_statistics=Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
