"""The files of a verdict: DataVerdict of the data gate, and SmokeTestReport."""

REPORT_FILE = "report.json"
"""Report of either gate: a `components.data_gate.report.Verdict` or a `components.smoke_test.report.Report`."""
PAGE_FILE = "report.html"
"""The smoke test's report as a page."""
DIFF_FILE = "schema.diff"
"""A file of the data gate, beside the schema that it proposes (`components.artifacts.schema.SCHEMA_FILE`): what differs
in it from the schema of the run, as a unified diff."""
