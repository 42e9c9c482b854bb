"""`lockgate init`: looks at a table and proposes a pipeline.yaml and a schema that run as they are."""

from pipeline.scaffold.proposal import Proposal, propose, write

__all__ = ["Proposal", "propose", "write"]
