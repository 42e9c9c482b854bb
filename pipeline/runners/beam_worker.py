"""Starts one of Beam's Python workers: what an engine calls on its own machines (environment type PROCESS).

Beam's container contract, as its Go program `boot` has it, without the installation of packages: the worker asks the
provision service for the pipeline's options and the other services, and then serves the job. It runs in the
environment in which it was called, which has Lockgate.
"""

import os
import sys

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format, text_format

from pipeline.runners.settled import settle_batches
from preprocessing.errors import UserError

_SECONDS_TO_ANSWER = 60


def serve(worker: str, provision_endpoint: str, folder: str) -> None:
    """Serves until the engine needs the worker no more.

    Args:
      worker: its name in the job, which the engine gives.
      provision_endpoint: `HOST:PORT` of the engine's provision service.
      folder: one that outlives the worker.

    Raises:
      UserError: the provision service does not answer.
    """
    info = _provisioned(provision_endpoint, worker)
    os.environ |= {
        "WORKER_ID": worker,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "SEMI_PERSISTENT_DIRECTORY": folder,
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.control_endpoint),
    }
    if info.status_endpoint.url:
        os.environ["STATUS_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(info.status_endpoint)
    settle_batches()
    # Beam's own main parses the process's arguments again.
    sys.argv = sys.argv[:1]
    sdk_worker_main.main([])


def _provisioned(endpoint: str, worker: str) -> beam_provision_api_pb2.ProvisionInfo:
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        try:
            answer = service.GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=[("worker_id", worker)],
                timeout=_SECONDS_TO_ANSWER,
                wait_for_ready=True,
            )
        except grpc.RpcError as error:
            raise UserError(
                f"--provision_endpoint: no provision service answers at {endpoint}: {error.details()}",
                hint="this command is for engines of Beam's, which name the endpoint themselves",
            ) from error
    return answer.info
