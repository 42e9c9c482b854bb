"""NOT TensorFlow Serving: an emulator of `tensorflow_model_server` for tests, where the real one is not installed.

It takes the same flags, loads the SavedModel with TensorFlow's own loader and speaks the same two protocols. What it
does with a request was written down from TensorFlow Serving's source: model_servers/http_rest_api_handler.cc and
http_server.cc, util/json_tensor.cc, servables/tensorflow/predict_util.cc, and TensorFlow's cc/saved_model/util.cc.

Options of its own: `--emulate` for how it fails at start, `--emulate_child` for the seconds of a `sleep` that it leaves
behind, and models beside the one that is asked for, under names
with an ending: `-wrong` answers other numbers, `-classes` other strings, `-hanging` never, `-broken` nothing but errors
after its first error, `-row` without the last row, `-double` with float64 for float32.
"""

import argparse
import base64
import json
import math
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int)
    parser.add_argument("--rest_api_port", type=int)
    parser.add_argument("--model_name")
    parser.add_argument("--model_base_path", type=Path)
    parser.add_argument("--max_num_load_retries", type=int)
    parser.add_argument("--emulate", choices=["exit", "hang", "flood"])
    parser.add_argument("--emulate_child")
    return parser.parse_args()


class RefusalError(Exception):
    """An error with gRPC's name of its code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


ENDINGS = ("", "-wrong", "-classes", "-hanging", "-broken", "-row", "-double")
STATUS = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404, "INTERNAL": 500}
ERROR_CODES = {3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 9: "FAILED_PRECONDITION", 13: "INTERNAL"}


class Served:
    def __init__(self, folder, name):
        import tensorflow as tf

        self.tf, self.name = tf, name
        self.graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=self.graph)
        with self.graph.as_default():
            loaded = tf.compat.v1.saved_model.loader.load(self.session, ["serve"], str(folder))
        self.signatures = loaded.signature_def
        self.failed = False

    def ending(self, name):
        ending = name.removeprefix(self.name)
        if not name.startswith(self.name) or ending not in ENDINGS:
            raise RefusalError("NOT_FOUND", f"Could not find any versions of model {name}")
        return ending

    def run(self, name, signature_name, protos):
        """RunPredict: the outputs by alias, as arrays."""
        ending = self.ending(name)
        if ending == "-hanging":
            threading.Event().wait()
        if ending == "-broken" and self.failed:
            raise RefusalError("INVALID_ARGUMENT", "broken by an earlier request")
        try:
            outputs = self.predict(signature_name or "serving_default", protos)
        except RefusalError:
            self.failed |= ending == "-broken"
            raise
        return {alias: tampered(ending, array) for alias, array in outputs.items()}

    def predict(self, signature_name, protos):
        tf = self.tf
        if signature_name not in self.signatures:
            raise RefusalError("FAILED_PRECONDITION", f'Serving signature key "{signature_name}" not found.')
        signature = self.signatures[signature_name]
        size = len(signature.inputs)
        if len(protos) > size or (len(protos) < size and not signature.defaults):
            raise RefusalError("INVALID_ARGUMENT", f"input size does not match signature: {len(protos)}!={size}")
        feeds = {}
        for alias, info in signature.inputs.items():
            proto = protos.get(alias, signature.defaults.get(alias))
            if proto is None:
                raise RefusalError("INVALID_ARGUMENT", f"Signature input alias: {alias} not found in request")
            if proto.dtype != info.dtype:
                message = f"Expects arg[0] to be {tf.as_dtype(info.dtype).name} but {tf.as_dtype(proto.dtype).name}"
                raise RefusalError("INVALID_ARGUMENT", f"{message} is provided")
            feeds[info.name] = tf.make_ndarray(proto)
        if set(protos) - set(signature.inputs):
            raise RefusalError("INVALID_ARGUMENT", "Inputs contains invalid name.")
        fetches = {alias: info.name for alias, info in signature.outputs.items()}
        try:
            return self.session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise RefusalError(ERROR_CODES.get(error.error_code, "INTERNAL"), error.message) from error


def tampered(ending, array):
    if ending == "-wrong" and array.dtype.kind == "f":
        return array + array.dtype.type(0.01)
    if ending == "-classes" and array.dtype == object and array.ndim == 2:
        return array[:, ::-1]
    if ending == "-double" and array.dtype == "float32":
        return array.astype("float64")
    if ending == "-row":
        return array[:-1]
    return array


# gRPC


def grpc_server(served, port):
    import grpc
    from tensorflow_serving.apis import get_model_status_pb2 as status_pb2
    from tensorflow_serving.apis import model_service_pb2_grpc as models
    from tensorflow_serving.apis import predict_pb2
    from tensorflow_serving.apis import prediction_service_pb2_grpc as predictions

    def refuse(context, refusal):
        context.abort(grpc.StatusCode[refusal.code], str(refusal))

    class Models(models.ModelServiceServicer):
        def GetModelStatus(self, request, context):  # noqa: N802
            try:
                served.ending(request.model_spec.name)
            except RefusalError as refusal:
                refuse(context, refusal)
            version = status_pb2.ModelVersionStatus(version=1, state=status_pb2.ModelVersionStatus.State.AVAILABLE)
            return status_pb2.GetModelStatusResponse(model_version_status=[version])

    class Predictions(predictions.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            spec = request.model_spec
            try:
                outputs = served.run(spec.name, spec.signature_name, dict(request.inputs))
            except RefusalError as refusal:
                refuse(context, refusal)
            response = predict_pb2.PredictResponse()
            for alias, array in outputs.items():
                dtype = served.tf.string if array.dtype == object else None
                response.outputs[alias].CopyFrom(served.tf.make_tensor_proto(array, dtype=dtype))
            return response

    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(16), options=unlimited)
    models.add_ModelServiceServicer_to_server(Models(), server)
    predictions.add_PredictionServiceServicer_to_server(Predictions(), server)
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


# REST


def tensor_from_json(served, value, dtype):
    """GetDenseTensorShape and FillTensorProto: the shape along the first elements, then every value in its place."""
    from tensorflow.core.framework import types_pb2

    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    flat = []

    def fill(element, level):
        if isinstance(element, list):
            if level >= len(shape) or len(element) != shape[level]:
                raise RefusalError("INVALID_ARGUMENT", f"Encountered list at unexpected level or size: {level}")
            for each in element:
                fill(each, level + 1)
            return
        if level != len(shape):
            raise RefusalError("INVALID_ARGUMENT", f"JSON Value: {element} found at incorrect level: {level + 1}")
        flat.append(scalar_from_json(element, types_pb2.DataType.Name(dtype)))

    fill(value, 0)
    return served.tf.make_tensor_proto(flat, served.tf.as_dtype(dtype), shape)


def scalar_from_json(value, dtype):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if dtype == "DT_STRING" and isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    if dtype == "DT_STRING" and isinstance(value, str):
        return value.encode()
    if dtype in ("DT_FLOAT", "DT_DOUBLE") and number:
        return value
    if dtype in ("DT_INT32", "DT_INT64") and isinstance(value, int) and number:
        return value
    if dtype == "DT_BOOL" and isinstance(value, bool):
        return value
    raise RefusalError("INVALID_ARGUMENT", f"JSON Value: {json.dumps(value)} is not of expected type: {dtype}")


def predict_over_rest(served, name, body):
    try:
        request = json.loads(body)
    except ValueError as error:
        raise RefusalError("INVALID_ARGUMENT", f"JSON Parse error: {error}") from error
    signature_name = request.get("signature_name", "serving_default")
    served.ending(name)
    if signature_name not in served.signatures:
        raise RefusalError("INVALID_ARGUMENT", f'Serving signature name: "{signature_name}" not found in signature def')
    if "inputs" not in request:
        raise RefusalError("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key")
    infos, inputs, protos = served.signatures[signature_name].inputs, request["inputs"], {}
    if not isinstance(inputs, dict):
        if len(infos) > 1:
            raise RefusalError("INVALID_ARGUMENT", "inputs is a plain value/list, but expecting an object")
        inputs = {next(iter(infos)): inputs}
    for alias, info in infos.items():  # and nothing else: an unknown name is not looked at
        if alias not in inputs:
            raise RefusalError("INVALID_ARGUMENT", f"Missing named input: {alias} in 'inputs' object.")
        protos[alias] = tensor_from_json(served, inputs[alias], info.dtype)
    outputs = served.run(name, signature_name, protos)
    written = {alias: json_of(array.tolist(), alias.endswith("_bytes")) for alias, array in outputs.items()}
    if len(written) == 1:
        return b'{"outputs": ' + next(iter(written.values())) + b"}"
    return b'{"outputs": {' + b", ".join(b'"%s": %s' % (k.encode(), v) for k, v in written.items()) + b"}}"


def json_of(value, as_base64):
    """AddTensorValues: bytes as they are, whether UTF-8 or not; NaN and Infinity bare."""
    if isinstance(value, list):
        return b"[" + b", ".join(json_of(each, as_base64) for each in value) + b"]"
    if isinstance(value, bytes):
        if as_base64:
            return json.dumps({"b64": base64.b64encode(value).decode()}).encode()
        escaped = re.sub(rb'[\x00-\x1f"\\]', lambda found: b"\\u%04x" % found.group()[0], value)
        return b'"' + escaped + b'"'
    if isinstance(value, float) and not math.isfinite(value):
        return b"NaN" if math.isnan(value) else (b"Infinity" if value > 0 else b"-Infinity")
    return json.dumps(value).encode()


def malformed(method, path):
    raise RefusalError("INVALID_ARGUMENT", f"Malformed request: {method} {path}")


def rest_server(served, port):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(lambda name, _: self.status(name), r"/v1/models/([^/:]+)")

        def do_POST(self):
            self.answer(lambda name, body: predict_over_rest(served, name, body), r"/v1/models/([^/:]+):predict")

        def status(self, name):
            served.ending(name)
            version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            return json.dumps({"model_version_status": [version]}).encode()

        def answer(self, act, path):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, found = 200, re.fullmatch(path, self.path)
            try:
                content = act(found.group(1), body) if found else malformed(self.command, self.path)
            except RefusalError as refusal:
                code, content = STATUS[refusal.code], json.dumps({"error": str(refusal)}).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104 - as the real one


def fail_at_start(how):
    if how == "exit":
        print("Failed to start server. Error: the emulator was told to", flush=True)
        sys.exit(255)
    if how == "flood":
        while True:
            print("x" * 65536)
    print("the emulator was told to hang", flush=True)
    signal.pause()


def main():
    options = arguments()
    if options.emulate_child:
        subprocess.Popen(["sleep", options.emulate_child])
        fail_at_start("hang")
    if options.emulate:
        fail_at_start(options.emulate)
    versions = sorted(int(each.name) for each in options.model_base_path.iterdir() if each.name.isdigit())
    served = Served(options.model_base_path / str(versions[-1]), options.model_name)
    grpc = grpc_server(served, options.port)
    rest = rest_server(served, options.rest_api_port)
    print("the emulator serves", options.model_name, flush=True)
    rest.serve_forever()
    grpc.stop(None)


if __name__ == "__main__":
    main()
