"""Requests that a submission would send, for `--dry-run`."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from components.cloud.http import HttpRequest


@dataclass(frozen=True)
class Planned:
    """One request of a plan.

    Attributes:
      request: what is sent. What an earlier answer will say is in braces: `{experiment_id}`.
      only: when it is sent, where that depends on an earlier answer; empty where it always is.
    """

    request: HttpRequest
    only: str = ""

    def text(self, authorization: str = "") -> str:
        """The whole request, as `--dry-run` prints it.

        Args:
          authorization: what the header of that name says, in words that hold no secret; empty where none is sent.
        """
        request = self.request
        query = f"?{urlencode(request.params)}" if request.params else ""
        lines = [f"# {self.only}"] if self.only else []
        lines.append(f"{request.shown}{query}")
        lines += [f"Authorization: {authorization}"] if authorization else []
        if request.body is not None:
            lines += ["Content-Type: application/json", "", json.dumps(request.body, indent=1, ensure_ascii=False)]
        return "\n".join(lines) + "\n"
