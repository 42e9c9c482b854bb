"""The node "Pusher" of a cluster, with what the manifest tells of: it can't ask a metadata store."""

from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter

from components.data_gate.component import DataVerdict
from components.pusher.component import Pusher, PusherSpec
from components.smoke_test.component import SmokeTestReport


class ToldPusherSpec(PusherSpec):
    """Our Pusher's, with the examples and what the gates wrote."""

    INPUTS = {  # noqa: RUF012 - TFX reads plain class attributes
        **PusherSpec.INPUTS,
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "verdict": ChannelParameter(type=DataVerdict),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "smoke_report": ChannelParameter(type=SmokeTestReport),
    }


class ToldPusher(Pusher):
    """Our Pusher with these inputs."""

    SPEC_CLASS = ToldPusherSpec
