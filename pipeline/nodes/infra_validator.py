"""TFX's own InfraValidator, for clusters that have Docker or Kubernetes: it starts a server and sends requests.

It asks `serving_default` alone: the only signature of ours with the one input of serialized examples that it can fill.
The raw examples hold the label, which that signature does not read. It looks at whether an answer comes, not at what it
says, and refuses the model too when Docker or the image can't be had; then the log of its node says so.

Kubernetes means: inside a Kubeflow pod of the first generation, with the pipeline's files on a persistent volume. Under
the v2 compiler (Kubeflow 2, Vertex) TFX raises NotImplementedError for it.
"""

from tfx.components.infra_validator.component import InfraValidator as InfraValidatorNode
from tfx.proto import infra_validator_pb2
from tfx.types.channel import BaseChannel

from components.smoke_test.config import InfraValidator

_SIGNATURE = "serving_default"
# TFX tries five times; one more try is for the image's download, a model that fails twice will fail again.
_TRIES = 2


def infra_validator_node(
    config: InfraValidator, model: BaseChannel, examples: BaseChannel, split: str
) -> InfraValidatorNode:
    """The node, whose output `blessing` goes into the smoke test as `infra_blessing`.

    Args:
      config: where the server runs and which one.
      model: the Trainer's Model.
      examples: the raw Examples.
      split: the one that the requests are taken from.
    """
    serving = infra_validator_pb2.ServingSpec(
        tensorflow_serving=infra_validator_pb2.TensorFlowServing(tags=[config.tag])
    )
    if config.platform == "docker":
        serving.local_docker.SetInParent()
    else:
        serving.kubernetes.SetInParent()
    return InfraValidatorNode(
        model=model,
        examples=examples,
        serving_spec=serving,
        request_spec=infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=[_SIGNATURE]),
            split_name=split,
            num_examples=config.examples,
        ),
        validation_spec=infra_validator_pb2.ValidationSpec(num_tries=_TRIES),
    )
