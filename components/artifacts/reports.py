"""The files of a verdict: DataVerdict of the data gate, and SmokeTestReport."""

REPORT_FILE = "report.json"
"""Report of either gate, or of a run in its folder; of the gates a
`components.data_gate.report.Verdict` or a `components.smoke_test.report.Report`."""
PAGE_FILE = "report.html"
"""The report as a page: of the smoke test, and of a run."""
HTML_TITLE, PAGE_TYPE = "system.HTML", "components.RunPage"
"""The type of a run's page in a compiled pipeline, whose file the consoles of Kubeflow and Vertex show; and the same by
the name under which TFX finds the class."""
DIFF_FILE = "schema.diff"
"""A file of the data gate, beside the schema that it proposes (`components.artifacts.schema.SCHEMA_FILE`): what differs
in it from the schema of the run, as a unified diff."""
RUN_SO_FAR_FILE = "run.json"
"""A file of the data gate on a cluster, beside its report: what the page that it writes shows, as a run's report.json
has it, for the page of a later step that fails."""
