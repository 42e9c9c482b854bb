"""What has to be settled around a component so that the same seed gives the same results on every runner."""

import contextlib
import random
from collections.abc import Iterator, Sequence

from absl import flags
from apache_beam.options.pipeline_options import PipelineOptions
from tfx.utils import dependency_utils
from tfx_bsl.coders import batch_util  # noqa: F401 - defines the flag of settle_batches

from pipeline.runners import engines  # noqa: F401 - defines our option among Beam's

_RUNNERS_HERE = ("FnApiRunner", "DirectRunner", "BundleBasedDirectRunner")
"""Beam's runners whose workers are this process or its children."""


@contextlib.contextmanager
def settled(seed: int, beam_args: Sequence[str]) -> Iterator[None]:
    """Settles the order in which Beam leaves examples, the size of batches, and that TFX packs nothing needless.

    Args:
      seed: of the keys that Beam's Reshuffle draws, with which ExampleGen and Transform write.
      beam_args: of the component.
    """
    random.seed(seed)
    settle_batches()
    with _no_packages(beam_args):
        yield


def settle_batches() -> None:
    """Settles where batches of examples end.

    TFX would batch them by how fast the machine is just now, and sums of floating-point numbers depend on where
    batches end, and with them means, quantiles and all that follows.
    """
    flags.FLAGS(["lockgate", "--tfxio_use_byte_size_batching"])


@contextlib.contextmanager
def _no_packages(beam_args: Sequence[str]) -> Iterator[None]:
    """Keeps TFX from packing itself for Beam's workers where these are on this machine and have it already.

    It would do so for every component that uses Beam: 1.5 seconds each time, and 50 MB that stay in the temporary
    folder forever.
    """
    runner = PipelineOptions(list(beam_args)).get_all_options()["runner"] or "DirectRunner"
    packing = dependency_utils.make_beam_dependency_flags
    if runner.rpartition(".")[2] in _RUNNERS_HERE:
        dependency_utils.make_beam_dependency_flags = list
    try:
        yield
    finally:
        dependency_utils.make_beam_dependency_flags = packing
