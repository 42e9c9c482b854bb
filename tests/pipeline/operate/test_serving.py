"""Which serving folder a command means."""

from pathlib import Path

import pytest
import yaml

from pipeline.config.loader import load
from pipeline.operate.serving import of_config, of_place
from preprocessing.errors import UserError

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"


def test_a_configuration_a_root_a_folder_of_versions_and_a_url(tmp_path: Path) -> None:
    here = of_config(load(PENGUINS, (f"root={tmp_path}/root",)))
    assert (here.base, here.root) == (f"{tmp_path}/root/serving", tmp_path / "root")
    run = tmp_path / "root/runs/20261101T000000Z"
    run.mkdir(parents=True)
    signing = {"sign": ["gpg", "{file}", "{signature}"], "verify": ["gpg", "{file}", "{signature}"]}
    (run / "config.yaml").write_text(yaml.safe_dump({"push": {"directory": "models", "signing": signing}}))
    root = of_place(str(tmp_path / "root"))
    assert (root.base, root.root) == (f"{tmp_path}/root/models", tmp_path / "root")
    assert root.signing is not None
    assert root.signing.sign[0] == "gpg"
    (tmp_path / "models/17").mkdir(parents=True)
    assert of_place(str(tmp_path / "models")).base == str(tmp_path / "models")
    assert of_place("gs://bucket/models/").base == "gs://bucket/models"


def test_a_target_has_a_folder_of_its_own_and_perhaps_a_registry() -> None:
    plain = load(PENGUINS, ("targets.vertex.push_directory=gs://bucket/models",))
    assert (of_config(plain, "vertex").base, of_config(plain, "vertex").root) == ("gs://bucket/models", None)
    registry = "targets.vertex.registry={model: penguins, serving_image: image, alias: champion}"
    found = of_config(load(PENGUINS, ("targets.vertex.push_directory=gs://bucket/models", registry)), "vertex")
    assert found.registry is not None
    assert (found.registry.model, found.registry.alias) == ("penguins", "champion")
    assert found.registry.region == plain.config.targets.vertex.region


def test_a_place_without_versions_that_this_machine_can_reach() -> None:
    endpoint = "targets.vertex.endpoint={name: birds, serving_image: image}"
    with pytest.raises(UserError, match="deploys to an endpoint"):
        of_config(load(PENGUINS, (endpoint,)), "vertex")
    with pytest.raises(UserError, match="can't be reached from this machine"):
        of_config(load(PENGUINS, ("targets.kubeflow.push_directory=/mnt/models",)), "kubeflow")
