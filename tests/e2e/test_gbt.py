"""Trees and a net in one graph, from the table to the pushed model through every gate."""

from pathlib import Path

import pytest
import tensorflow as tf
import yaml

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins/pipeline.yaml"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_penguins_with_trees_and_a_net_reach_the_push(lockgate_run, tmp_path):
    config = yaml.safe_load(PENGUINS.read_text())
    config["data"] |= {name: str(PENGUINS.parent / config["data"][name]) for name in ("path", "prepare", "schema")}
    trees = {"family": "gbt", "params": {"trees": 120, "leaf_rows": 5}}
    config["model"] = {"family": "ensemble", "params": {"members": [trees, "mlp"]}}
    config["train"] = {"epochs": 12}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
    done = lockgate_run(tmp_path / "pipeline.yaml", tmp_path / "root")
    assert done.code == 0, done.stderr
    result = done.result
    assert result["state"] == "pushed"
    assert result["metrics"]["accuracy"] >= 0.95
    assert all(gate["passed"] for gate in result["gates"])
    served = tf.saved_model.load(result["pushed"]).signatures["serve_features"]
    spec = served.structured_input_signature[1]
    bird = {"bill_length_mm": 50, "bill_depth_mm": 15, "flipper_length_mm": 225, "body_mass_g": 5500}
    bird |= {"island": "Biscoe", "sex": "male"}
    answer = served(**{name: tf.constant([value], spec[name].dtype) for name, value in bird.items()})
    assert answer["label"].numpy().tolist() == [b"Gentoo"]
