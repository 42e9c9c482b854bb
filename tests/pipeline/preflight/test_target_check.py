"""What is refused before anything is compiled, each with the field and what to do."""

import re

import pytest
from click.testing import CliRunner
from support.compiled_pipelines import DATA_SETS, config_file, loaded

from pipeline.cli import main
from pipeline.preflight.target_check import configured_target, target_problems
from pipeline.preflight.target_values import CUSTOM_JOB_ACCELERATORS
from preprocessing.errors import UserError

DIGEST = "registry.example.com/lockgate@sha256:" + "0" * 64


def _problems(target: str, *overrides: str, data_set: str = "penguins") -> list[str]:
    return [str(problem) for problem in target_problems(loaded(data_set, *overrides), target)]


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_the_shipped_configurations_can_run(data_set, target):
    assert _problems(target, data_set=data_set) == []


@pytest.mark.parametrize(
    "image", [DIGEST, "lockgate:1.0.0", "localhost:5000/lockgate:main-3f2a", f"a/b:latest@{DIGEST[-71:]}"]
)
def test_an_image_that_never_moves_is_fine(image):
    assert _problems("vertex", f"targets.vertex.image={image}") == []


@pytest.mark.parametrize(
    ("target", "override"),
    [
        ("kubeflow", "targets.kubeflow.push_directory=/serving"),
        ("kubeflow", "targets.kubeflow.data_path=/serving/"),
        ("kubeflow", "targets.kubeflow.champion=gs://bucket/serving"),
        ("vertex", "targets.vertex.champion=registry:penguins@champion"),
        ("vertex", "targets.vertex.schedule={cron: '*/15 8-18 1,15 jan-jun MON', timezone: Europe/Paris}"),
        ("kubeflow", "targets.kubeflow.schedule={cron: '5/20 0 31 1,2 *'}"),
        ("kubeflow", "targets.kubeflow.schedule={cron: '0 0 31 2 MON'}"),
        ("kubeflow", "targets.kubeflow.defaults={cpu: 2, memory: 4000000000}"),
        ("kubeflow", "targets.kubeflow.defaults={tolerations: [{operator: Exists}]}"),
        ("kubeflow", "targets.kubeflow.image=registry.example.com:5000/a-b/c__d.e:v1_0"),
        ("vertex", "targets.vertex.trainer={accelerator: {type: NVIDIA_L4}}"),
        ("kubeflow", "targets.kubeflow.beam={args: ['--max_num_workers=3']}"),
    ],
)
def test_what_can_run_is_not_refused(target, override):
    assert _problems(target, override) == []


@pytest.mark.parametrize(
    ("target", "override", "message"),
    [
        ("vertex", "targets.vertex.image=lockgate:latest", r"targets\.vertex\.image.*has the tag latest.*@sha256"),
        ("vertex", "targets.vertex.image=localhost:5000/lockgate", r"has no tag, which means latest"),
        ("kubeflow", "targets.kubeflow.components={Trainer: {image: 'gpu:latest'}}",
         r"components\.Trainer\.image.*latest"),
        ("kubeflow", "targets.kubeflow.defaults={accelerator: {type: NVIDIA_TESLA_T4}}",
         r"accelerator\.type.*nvidia\.com/gpu"),
        ("vertex", "targets.vertex.components={Trainer: {accelerator: {type: nvidia.com/gpu}}}", r"NVIDIA_TESLA_T4"),
        ("vertex", "targets.vertex.data_path=data/penguins.csv", r"targets\.vertex\.data_path.*this machine.*gs://"),
        ("kubeflow", "targets.kubeflow.data_path=/elsewhere/a.csv",
         r"data_path.*can't see.*targets\.kubeflow\.volumes"),
        ("kubeflow", "targets.kubeflow.data_path=/servingx/a.csv", r"data_path.*can't see"),
        ("kubeflow", "targets.kubeflow.data_path=/serving/../etc/a.csv", r"data_path.*can't see"),
        ("kubeflow", "targets.kubeflow.data_path=minio://bucket/a.csv", r"data_path.*gs:// or from a mounted volume"),
        ("vertex", "targets.vertex.push_directory=/serving", r"push_directory.*gs://"),
        ("kubeflow", "targets.kubeflow.push_directory=null",
         r"push_directory.*received \"minio://mlpipeline/penguins/serving\""),
        ("vertex", "targets.vertex.root=s3://bucket/x", r"targets\.vertex\.root.*gs://BUCKET/FOLDER"),
        ("kubeflow", "targets.kubeflow.root=hdfs://bucket/x", r"gs://BUCKET/FOLDER or s3://.* or minio://"),
        ("vertex", "targets.vertex.project=My_Project", r"targets\.vertex\.project.*project's ID.*My_Project"),
        ("vertex", "targets.vertex.region=Europe", r"targets\.vertex\.region.*europe-west4"),
        ("vertex", "targets.vertex.service_account=runner", r"service_account.*e-mail address"),
        ("vertex", "targets.vertex.network=default", r"network.*projects/NUMBER/global/networks/NAME"),
        ("vertex", "targets.vertex.encryption_key=key", r"encryption_key.*cryptoKeys/KEY"),
        ("vertex", "targets.vertex.labels={Team: birds}", r"labels\.Team.*lower-case letters"),
        ("kubeflow", "targets.kubeflow.labels={team: 'a b'}", r"labels\.team"),
        ("kubeflow", "targets.kubeflow.namespace=Team_A", r"targets\.kubeflow\.namespace.*lower-case"),
        ("kubeflow", "targets.kubeflow.volumes=[{claim: My_Claim, mount_path: /serving}]", r"volumes\.0\.claim"),
        ("kubeflow", "targets.kubeflow.champion=registry:penguins@champion",
         r"champion.*on Vertex registry:NAME@ALIAS"),
        ("kubeflow", "targets.kubeflow.champion=/elsewhere/serving", r"champion.*can't see"),
        ("kubeflow", "targets.kubeflow.champion=s3://bucket/serving", r"champion.*gs:// or from a mounted volume"),
        ("vertex", "targets.vertex.champion=serving", r"targets\.vertex\.champion.*can't see"),
        ("vertex", "targets.vertex.champion='registry:a/b@c'", r"champion.*registry:NAME@ALIAS"),
        ("vertex", "targets.vertex.trainer={image: 'gpu:latest'}", r"trainer\.image.*latest"),
        ("vertex", "targets.vertex.trainer={accelerator: {type: t4}}", r"trainer\.accelerator\.type.*NVIDIA_TESLA_T4"),
        ("kubeflow", "targets.kubeflow.checkpoint_directory=/scratch/checkpoints",
         r"checkpoint_directory.*/scratch/checkpoints.*volumes"),
        ("vertex", "targets.vertex.components={SchemaGen: {cpu: '7'}}",
         r"components\.SchemaGen.*rename it ImportSchemaGen"),
        ("kubeflow", "targets.kubeflow.secrets=[{secret: s, env: {A: a}, components: [Pusher, SchemaGen]}]",
         r"secrets\.0\.components.*rename it ImportSchemaGen"),
        ("vertex", "targets.vertex.defaults={cpu: '0'}", r"defaults\.cpu.*more than 0"),
        ("kubeflow", "targets.kubeflow.defaults={memory: 0Gi}", r"defaults\.memory.*more than 0"),
        ("kubeflow", "targets.kubeflow.defaults={tolerations: [{operator: Exists, value: x}]}", r"takes no value"),
        ("kubeflow", "targets.kubeflow.volumes=[{claim: a, mount_path: /serving}, {claim: b, mount_path: /minio/x}]",
         r"volumes\.1\.mount_path.*their own files"),
        ("kubeflow", "targets.kubeflow.volumes=[{claim: a, mount_path: /serving}, {claim: b, mount_path: /serving/}]",
         r"volumes\.1\.mount_path.*one path"),
        ("vertex", "targets.vertex.schedule={cron: '99 3 * * 1'}", r"schedule\.cron.*the minute.*0 to 59.*\"99\""),
        ("vertex", "targets.vertex.schedule={cron: 'a b c d e'}", r"the month: .*1 to 12"),
        ("vertex", "targets.vertex.schedule={cron: '0 3 * * 5-1'}", r"the day of the week"),
        # The cron of Kubeflow has no 7, and answers it with an error.
        ("kubeflow", "targets.kubeflow.schedule={cron: '0 0 * * 7'}", r"the day of the week.*0 to 6.*\"7\""),
        ("vertex", "targets.vertex.schedule={cron: '٣ 3 * * *'}", r"the hour|the minute"),
        ("vertex", "targets.vertex.schedule={cron: '*/0 3 * * *'}", r"the minute"),
        ("vertex", "targets.vertex.schedule={cron: '0 3 30,31 2 *'}", r"none of these months has a day 30"),
        ("vertex", "targets.vertex.schedule={cron: '0 3 * * 1', timezone: localtime}", r"timezone.*Europe/Paris"),
        ("vertex", f"targets.vertex.labels={{{', '.join(f'a{number}: b' for number in range(65))}}}",
         r"expected at most 64 labels \(received 65\)"),
        ("vertex", "targets.vertex.image=https://r.example.com/a/b:1", r"\.image.*expected an image such as"),
        ("vertex", "targets.vertex.image=r.example.com/a/b:$TAG", r"\.image.*expected an image such as"),
        ("vertex", "targets.vertex.trainer={accelerator: {type: NVIDIA_FOO}}", r"no such accelerator.*allowed: .*_L4"),
        ("vertex", "targets.vertex.push_directory=../x", r"push_directory.*without ~ and \.\..*received \"\.\./x\""),
        ("vertex", "targets.vertex.push_directory=~/x", r"push_directory.*without ~ and \.\."),
        ("kubeflow", "targets.kubeflow.defaults={tolerations: [{key: null}]}", r"tolerations\.0.*Equal takes a key"),
        ("kubeflow", "targets.kubeflow.defaults={node_selector: {'bad key!': x}}", r"node_selector.*a node's label"),
        ("kubeflow", "targets.kubeflow.image_pull_secrets=['Bad Name!']", r"image_pull_secrets\.0.*lower-case"),
        ("kubeflow", "targets.kubeflow.secrets=[{secret: s, env: {A: a/b}}]", r"secrets\.0\.env\.A.*a key of"),
        ("kubeflow", "targets.kubeflow.volumes=[{claim: a, mount_path: /serving, sub_path: ../x}]",
         r"volumes\.0\.sub_path.*without \.\."),
        ("kubeflow", "targets.kubeflow.beam={args: ['--api_key=TOPSECRET']}", r"beam\.args.*--api_key would"),
        ("vertex", "targets.vertex.schedule={cron: '0 3 * * 1', timezone: Mars/Phobos}", r"timezone.*Europe/Paris"),
        ("kubeflow", "targets.kubeflow.beam={args: ['--s3_secret_access_key=TOPSECRET']}",
         r"beam\.args.*everybody.*secrets"),
        ("vertex", "beam_args=['--db_password=TOPSECRET']", r"beam_args.*--db_password would"),
        ("vertex", "targets.vertex.image=Registry.example.com/Lockgate:1", r"lower-case letters"),
        ("kubeflow", "targets.kubeflow.push_directory=serving", r"push_directory.*a relative path is below the root"),
        ("vertex", "targets.vertex.champion=registry:penguins", r"champion.*registry:NAME@ALIAS"),
        ("kubeflow", "targets.kubeflow.schedule={cron: '0 3 * * 1', timezone: Europe/Paris}", r"schedule\.timezone"),
        ("kubeflow", "targets.kubeflow.beam={engine: flink, endpoint: 'jobs:1'}", r"beam\.engine.*do not see the root"),
        ("kubeflow", "targets.kubeflow.beam={engine: spark, master: 'local'}", r"beam\.master.*own container"),
        ("kubeflow", "targets.kubeflow.beam={engine: dataflow}", r"beam\.engine.*gs://"),
        ("vertex", "data_gate.drift.baseline=previous_span", r"data_gate\.drift\.baseline.*last_push"),
        ("vertex", "data.reader=tfx", r"data\.reader.*arrow"),
        ("vertex", "targets.vertex.data_inputs={train: 'gs://b/1', eval: 'gs://b/2', test: 'gs://b/3'}",
         r"data\.inputs is not set"),
    ],
)  # fmt: skip
def test_what_can_not_run_there_is_refused_with_its_field_and_the_next_step(target, override, message):
    found = _problems(target, override)
    fitting = [each for each in found if re.search(message, each.replace("\n", " "))]
    assert len(fitting) == 1, found


def test_what_this_machine_lacks_of_the_table_does_not_matter_where_it_is_read_elsewhere():
    assert _problems("vertex", "data.path=nowhere.csv", "data.prepare=nowhere.py") == []
    found = _problems("vertex", "data.path=nowhere.csv", "targets.vertex.data_path=null")
    assert any("nowhere.csv" in each for each in found)


@pytest.mark.parametrize(
    ("overrides", "field", "message", "hint"),
    [
        (
            ("data.path=birds/{SPAN}/a.csv", "data.spans={last: 2}"),
            "targets.vertex.data_path",
            "data.spans: the path contains no {SPAN} or {DATE}",
            "put one into the path, or remove spans",
        ),
        (
            ("targets.vertex.data_path=gs://b/{SPAN}/{SPAN}.csv",),
            "targets.vertex.data_path",
            "expected one {SPAN}, one {DATE}, or one each of {YYYY}, {MM} and {DD}",
            "",
        ),
    ],
)
def test_a_table_elsewhere_that_does_not_fit_is_named_with_the_targets_field(overrides, field, message, hint):
    [problem] = target_problems(loaded("penguins", *overrides), "vertex")
    assert (problem.field, problem.message, problem.hint) == (field, message, hint)


def test_of_a_table_in_parts_the_part_that_does_not_fit_is_named():
    parts = "{train: 'gs://b/1', eval: 'gs://b/{SPAN}', test: 'gs://b/3'}"
    own = loaded("flights", f"targets.vertex.data_inputs={parts}")
    [problem] = target_problems(own, "vertex")
    assert problem.field == "targets.vertex.data_inputs.eval"
    assert (problem.message, problem.received) == (
        "must have the same placeholders as inputs.train",
        '"gs://b/{SPAN}"',
    )


def test_a_databases_url_reaches_the_steps_in_a_secret_or_not_at_all(tmp_path):
    text = config_file("penguins").read_text()
    own = text.replace("path: penguins.csv", "sql: {url_env: BIRDS_URL, query: SELECT 1}")
    kept = [line for line in own.splitlines() if "data_path:" not in line and "  prepare:" not in line]
    config = tmp_path / "pipeline.yaml"
    config.write_text("\n".join(kept).replace("schema: schema.pbtxt\n", ""))

    def found(target, secrets="[]"):
        from pipeline.config.loader import load

        chosen = load(config, (f"targets.kubeflow.secrets={secrets}",))
        return [each for each in target_problems(chosen, target) if each.field == "data.sql.url_env"]

    [vertex] = found("vertex")
    assert "no secrets" in vertex.message
    [kubeflow] = found("kubeflow")
    assert "{secret: NAME, env: {BIRDS_URL: KEY}, components: [ExampleGen]}" in kubeflow.hint
    assert found("kubeflow", "[{secret: s, env: {BIRDS_URL: url}}]") == []
    assert found("kubeflow", "[{secret: s, env: {BIRDS_URL: url}, components: [ExampleGen]}]") == []
    assert len(found("kubeflow", "[{secret: s, env: {BIRDS_URL: url}, components: [Pusher]}]")) == 1


def test_the_program_that_signs_is_the_images():
    command = '[no-such-signer, "{file}", "{signature}"]'
    assert _problems("vertex", f"push.signing={{sign: {command}, verify: {command}}}") == []


def test_a_mistake_in_what_holds_everywhere_counts_too():
    [found] = _problems("vertex", "model.family=nowhere.build_model")
    assert "nowhere" in found


@pytest.mark.parametrize("field", ["model.family", "features.preprocessing_fn"])
def test_a_function_of_a_package_that_the_image_lacks_is_named_with_its_field(field, tmp_path, monkeypatch):
    (tmp_path / "own_birds.py").write_text("def build(inputs, head, params):\n    return None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = (f"{field}=own_birds.build", "model.params={}")
    [problem] = target_problems(loaded("penguins", *own), "vertex")
    assert problem.field == field
    assert problem.hint == "install it in the image, and add it to targets.vertex.packages"
    assert _problems("vertex", *own, "targets.vertex.packages=[own_birds]") == []


def test_a_missing_target_says_what_it_needs(tmp_path):
    config = tmp_path / "pipeline.yaml"
    config.write_text(f"extends: {config_file('penguins')}\ntargets: {{kubeflow: null, vertex: null}}\n")
    from pipeline.config.loader import load

    with pytest.raises(UserError, match=r"pipeline\.yaml: targets\.vertex is missing") as error:
        configured_target(load(config), "vertex")
    assert error.value.hint == "add targets.vertex with project, region, root and image"


def test_the_command_answers_without_tensorflow():
    import subprocess
    import sys

    code = (
        "import sys; from click.testing import CliRunner; from pipeline.cli import main;"
        "done = CliRunner().invoke(main, ['validate', sys.argv[1], '--target', 'kubeflow']);"
        "assert done.exit_code == 0, done.output;"
        "heavy = {'tensorflow', 'apache_beam', 'tfx', 'kfp', 'keras'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(config_file("penguins"))], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compile"], "penguins-vertex.yaml"),
        (["submit", "--dry-run"], "POST"),
        (["validate"], "valid"),
    ],
)
def test_a_refused_configuration_ends_every_command(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command, *options = arguments
    told = [command, str(config_file("penguins")), "--target", "vertex", *options]
    done = CliRunner().invoke(main, [*told, "--set", "targets.vertex.image=lockgate"])
    assert done.exit_code == 1
    assert "targets.vertex.image" in done.output
    assert "has no tag, which means latest" in done.output
    assert message not in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("targets.vertex.projct=x", "did you mean project?"),
        ("targets.vertex.components={Trainr: {cpu: '1'}}", 'components.Trainr: no such name (received "Trainr")'),
        ("targets.kubeflow.components={trainer: {cpu: '1'}}", "did you mean Trainer?"),
        ("targets.kubeflow.secrets=[{secret: s, env: {my-var: k}}]", "secrets.0.env.my-var: its name must be"),
        ("targets.vertex.defaults.memory=4 GB", "targets.vertex.defaults.memory"),
        ("targets.kubeflow.schedule={cron: '0 3 * *'}", "targets.kubeflow.schedule.cron"),
        ("targets.kubeflow.token=abc", "targets.kubeflow.token"),
        ("targets.kubeflow.secrets=[{secret: bucket, env: {}}]", "targets.kubeflow.secrets.0.env"),
        ("targets.vertex.trainer={boot_disk_gb: 1}", "targets.vertex.trainer.boot_disk_gb"),
        ("targets.vertex.registry={model: penguins}", "targets.vertex.registry.serving_image"),
        ("targets.kubeflow.host=https://user:hunter2@example.com", "targets.kubeflow.host"),
        ("targets.vertex.api_endpoint=https://user:hunter2@example.com", "targets.vertex.api_endpoint"),
        ("targets.kubeflow.root=minio://user:hunter2@bucket/x", "targets.kubeflow.root"),
        ("targets.vertex.root=gs:///x", "targets.vertex.root"),
        ("targets.kubeflow.root=s3://b/x?accessKey=A", "without ? and #"),
        ("targets.kubeflow.host=https://example.com/pipeline/#/experiments", "without ? and #"),
        ("targets.kubeflow.defaults.cpu=true", "targets.kubeflow.defaults.cpu"),
        ("targets.vertex.image=user:hunter2@registry/x:1", "targets.vertex.image"),
        ("targets.vertex.defaults.retries={backoff_factor: 1.5}", "targets.vertex.defaults.retries.backoff_factor"),
        ("targets.vertex={endpoint: {name: e, serving_image: i}, encryption_key: k}", "without a key"),
    ],
)
def test_a_mistake_in_the_section_names_its_field(override, message):
    done = CliRunner().invoke(main, ["validate", str(config_file("penguins")), "--set", override])
    assert done.exit_code == 1
    assert message in done.output, done.output
    assert "hunter2" not in done.output.replace(override, "")


def test_the_accelerators_of_custom_jobs_are_those_of_the_client_that_makes_them():
    from google.cloud.aiplatform_v1.types import AcceleratorType

    assert set(CUSTOM_JOB_ACCELERATORS) == {name for name, kind in AcceleratorType.__members__.items() if kind}
