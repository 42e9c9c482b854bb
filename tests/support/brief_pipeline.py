"""A table of three easily told kinds of seeds, and a pipeline on it whose run is as short as a whole run can be."""

import random
from pathlib import Path

CONFIG = """\
name: seeds
root: root
data:
  path: seeds.csv
  schema: schema.pbtxt
  split: {train: 6, eval: 2, test: 2}
features:
  label: {column: kind, task: multiclass, classes: [oat, rye, wheat]}
  numeric: [{columns: [length, width], scale: z_score}]
  categorical: [{columns: [field]}]
model: {family: mlp, params: {hidden: [8]}}
train: {batch_size: 32, epochs: 6, learning_rate: 0.05}
evaluate:
  thresholds: [{metric: accuracy, min: 0.5, max_regression: 0.5}]
  small_tree: {severity: warn}
smoke_test:
  rows: 8
  search: {seconds: 0.1}
  budgets: {requests: 10}
  batches: {sizes: [0, 1], max_rows: 8, threads: 2, repeats: 2}
  server: {use: never}
gc: {versions: 1}
"""

SCHEMA = """\
feature { name: "kind" type: BYTES domain: "kind" presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "length" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "width" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "field" type: BYTES domain: "field" presence { min_fraction: 1 } shape { dim { size: 1 } } }
string_domain { name: "kind" value: "oat" value: "rye" value: "wheat" }
string_domain { name: "field" value: "east" value: "west" }
"""

_MEANS = {"oat": (5.0, 1.0), "rye": (8.0, 3.0), "wheat": (11.0, 6.0)}


def write_project(folder: Path) -> Path:
    """Writes table, schema and configuration into a new folder.

    Returns:
      pipeline.yaml.
    """
    folder.mkdir(parents=True)
    write_table(folder / "seeds.csv", ("east", "west"))
    (folder / "schema.pbtxt").write_text(SCHEMA, encoding="utf-8")
    config = folder / "pipeline.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    return config


def write_table(file: Path, fields: tuple[str, ...]) -> None:
    """Writes 240 rows; the fields take turns at random."""
    draw = random.Random(7)  # noqa: S311 - no secret
    lines = ["kind,length,width,field"]
    for row in range(240):
        kind = list(_MEANS)[row % 3]
        length, width = (f"{draw.gauss(mean, 0.7):.3f}" for mean in _MEANS[kind])
        lines.append(f"{kind},{length},{width},{draw.choice(fields)}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_wide_project(folder: Path, columns: int) -> Path:
    """Writes a table of 60 rows and so many columns of numbers, half of them scaled by mean and half by quantiles.

    Returns:
      pipeline.yaml.
    """
    folder.mkdir(parents=True)
    draw = random.Random(7)  # noqa: S311 - no secret
    names = [f"c{number}" for number in range(columns)]
    lines = [",".join(["kind", *names])]
    for row in range(60):
        lines.append(",".join([list(_MEANS)[row % 3], *(f"{draw.gauss(row % 3, 1):.3f}" for _ in names)]))
    (folder / "seeds.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = CONFIG.replace("  categorical: [{columns: [field]}]\n", "").replace(
        "[{columns: [length, width], scale: z_score}]",
        f"[{{columns: [{', '.join(names[::2])}], scale: z_score}}, "
        f"{{columns: [{', '.join(names[1::2])}], scale: robust_smooth}}]",
    )
    kind = SCHEMA.splitlines()[0]
    domain = 'string_domain { name: "kind" value: "oat" value: "rye" value: "wheat" }'
    numbers = (
        f'feature {{ name: "{name}" type: FLOAT presence {{ min_fraction: 1 }} shape {{ dim {{ size: 1 }} }} }}'
        for name in names
    )
    (folder / "schema.pbtxt").write_text("\n".join([kind, *numbers, domain]) + "\n", encoding="utf-8")
    config = folder / "pipeline.yaml"
    config.write_text(given, encoding="utf-8")
    return config
