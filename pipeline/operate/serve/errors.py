"""The errors of the REST API: TensorFlow's codes, and the HTTP status that TensorFlow Serving gives for each."""

HTTP_STATUS = {
    "Cancelled": 499,
    "Unknown": 500,
    "InvalidArgument": 400,
    "DeadlineExceeded": 504,
    "NotFound": 404,
    "AlreadyExists": 409,
    "PermissionDenied": 403,
    "Unauthenticated": 401,
    "ResourceExhausted": 429,
    "FailedPrecondition": 400,
    "Aborted": 409,
    "OutOfRange": 400,
    "Unimplemented": 501,
    "Internal": 500,
    "Unavailable": 503,
    "DataLoss": 500,
}
"""By code, as `ToHTTPStatusCode` in TensorFlow Serving's model_servers/http_server.cc has them."""
OTHER_STATUS = 500


class RefusalError(Exception):
    """A request that gets an error for an answer.

    Attributes:
      code: TensorFlow's name of it, for example `InvalidArgument`.
      status: of HTTP.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        """The client sees the message and the status, which follows from the code unless it is given."""
        super().__init__(message)
        self.code = code
        self.status = HTTP_STATUS.get(code, OTHER_STATUS) if status is None else status


def invalid(message: str) -> RefusalError:
    """What the client sent is wrong."""
    return RefusalError("InvalidArgument", message)
