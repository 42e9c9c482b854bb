"""In which order the suite's files run, and which of them belong on one worker."""

LONGEST = (
    "tests/components/trainer/test_trainer_fit.py",
    "tests/docs/test_command_blocks.py",
    "tests/e2e/test_compiled_pipeline.py",
    "tests/docs/test_tutorial.py",
    "tests/components/smoke_test/test_zoo_broken.py",
    "tests/e2e/test_spark.py",
    "tests/e2e/test_watch.py",
    "tests/e2e/test_plan.py",
    "tests/e2e/test_penguins.py",
    "tests/components/smoke_test/test_zoo_sound.py",
    "tests/components/transform/test_here.py",
    "tests/e2e/test_bad_data.py",
    "tests/image/test_installed.py",
    "tests/components/example_gen/test_executor.py",
    "tests/components/evaluator/test_here.py",
    "tests/e2e/test_corrupted_flights.py",
    "tests/e2e/test_failed_step.py",
    "tests/e2e/test_table_rules.py",
    "tests/pipeline/runners/compile/test_compiler.py",
    "tests/pipeline/test_graph.py",
    "tests/preprocessing/test_transform_learned.py",
    "tests/components/smoke_test/test_smoke_test_executor.py",
    "tests/components/smoke_test/server/test_server_answers.py",
    "tests/components/smoke_test/test_smoke_test_kubeflow.py",
    "tests/pipeline/nodes/test_evaluation.py",
    "tests/components/data_gate/test_data_gate_kubeflow.py",
    "tests/components/statistics_gen/test_statistics_gen.py",
    "tests/e2e/test_init.py",
)
"""Longest first: one of these that began last would run on alone. `make test` prints the slowest with their seconds."""

TOGETHER = {
    # They share the run of penguins, and go on in its root; the first one only looks at what it has pushed.
    "tests/e2e/test_compiled_pipeline.py": "tests/e2e/test_penguins.py",
    "tests/e2e/test_data_sources.py": "tests/e2e/test_penguins.py",
    "tests/e2e/test_operate.py": "tests/e2e/test_penguins.py",
    "tests/e2e/test_predict.py": "tests/e2e/test_penguins.py",
    "tests/e2e/test_report.py": "tests/e2e/test_penguins.py",
    "tests/e2e/test_broken_model.py": "tests/e2e/test_penguins.py",
}

SHARED = ("tests/components/trainer/", "tests/pipeline/store/")
"""Folders whose files share tables and trained models, or a server: they run on one worker, which makes these once."""


def position(file: str) -> int:
    """Where a file stands in the run: the longest first, all others after them in their own order."""
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def group(file: str) -> str:
    """The files of a group run on one worker, one after the other."""
    return next((folder for folder in SHARED if file.startswith(folder)), TOGETHER.get(file, file))
