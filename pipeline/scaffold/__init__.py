"""`lockgate init`: looks at a table and proposes a pipeline.yaml and a schema that run as they are."""

from pipeline.scaffold.deciding import propose
from pipeline.scaffold.proposal import Proposal
from pipeline.scaffold.writing import write

__all__ = ["Proposal", "propose", "write"]
