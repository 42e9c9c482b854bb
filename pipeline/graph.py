"""The one orchestrator function: a configuration in, a TFX pipeline out.

Local runs, tests and scheduled runs call `build_pipeline`; where it runs is the runner's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2
from tfx.types.channel import BaseChannel

from components.artifacts.splits import SPLITS
from components.engine import Engine
from components.evaluator.component import Evaluator
from components.example_gen.sources import source_format
from components.smoke_test.component import SmokeTest
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.tuning.component import Tuner
from components.trainer.tuning.config import TUNE_KEY, TunerJob
from components.trainer.tuning.values import stated_params
from components.transform.component import Transform
from pipeline.code.fingerprint import fingerprint
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.targets import Cluster
from pipeline.nodes.cluster import ClusterWiring
from pipeline.nodes.data_stage import DataStage, Places, data_stage
from pipeline.nodes.engines import StepEngines
from pipeline.nodes.evaluation import eval_config
from pipeline.nodes.folds import divide_folds, rule_of, trainings
from pipeline.nodes.infra_validator import infra_validator_node
from pipeline.nodes.local import LocalWiring
from pipeline.nodes.run_report import SEARCH
from pipeline.nodes.wiring import Wiring
from preprocessing.missing import MissingWords
from preprocessing.transform import FEATURES_KEY, MISSING_KEY

_TRANSFORM_FN = "preprocessing.transform.preprocessing_fn"
_RUN_FN = "components.trainer.run_fn.run_fn"


def build_pipeline(config: PipelineConfig, places: Places, target: Cluster | None = None) -> Pipeline:
    """Wires the standard components and our gates.

    Args:
      config: the validated configuration.
      places: the paths.
      target: the cluster that the pipeline is for; None is this machine.

    Returns:
      The pipeline, for any runner of the target.
    """
    wiring: Wiring = (
        LocalWiring(places.root, places.serving, config.push.signing, in_file=config.metadata.mysql is None)
        if target is None
        else ClusterWiring(target, config.name, places.serving, config.push.signing, places.commit)
    )
    engines = StepEngines.of(config, target)
    data = data_stage(config, places, wiring, engines.of_step("StatisticsGen"))
    missing = config.data.missing(source_format(config.data, str(places.base)))
    training = _training_stage(config, missing, data, wiring, engines.of_step("Transform"))
    gates = _gate_stage(config, data, training, wiring.champion, engines.of_step("Evaluator"))
    nodes = [*data.nodes, wiring.champion, *training.nodes, *gates.nodes]
    report = wiring.report(
        config,
        nodes,
        {
            "statistics": data.statistics,
            "verdict": data.verdict,
            "baseline_statistics": data.before,
            "model": training.model,
            "model_run": training.model_run,
            "evaluation": gates.evaluation,
            "model_blessing": gates.model_blessing,
            "smoke_report": gates.smoke_report,
            **training.search,
        },
    )
    pusher = wiring.pusher(
        model=training.model,
        model_blessing=gates.model_blessing,
        infra_blessing=gates.infra_blessing,
        statistics=data.statistics,
        page=None if report is None else report.outputs["page"],
        told={
            "examples": data.examples,
            "verdict": data.verdict,
            "evaluation": gates.evaluation,
            "smoke_report": gates.smoke_report,
        },
    )
    pipeline = Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(places.root),
        metadata_connection_config=wiring.metadata,
        components=[*nodes, *([] if report is None else [report]), pusher],
        enable_cache=True,
        beam_pipeline_args=config.beam_options(),
    )
    engines.keep_local(nodes)
    return pipeline


@dataclass(frozen=True)
class _TrainingStage:
    nodes: list[BaseNode]
    transform_graph: BaseChannel
    model: BaseChannel
    model_run: BaseChannel
    folds: BaseChannel | None = None
    search: Mapping[str, BaseChannel] = field(default_factory=dict)
    """What a search found: `best_hyperparameters` and `tuner_results`; empty without one."""


def _training_stage(
    config: PipelineConfig, missing: MissingWords, data: DataStage, wiring: Wiring, engine: Engine
) -> _TrainingStage:
    """The nodes of preprocessing and training."""
    own_fn = config.features.preprocessing_fn
    asked, golden = config.train.cross_validation, config.smoke_test.split
    rule = None if asked is None else rule_of(config, asked)
    # Their own splits stand beside the one that is learned from and the one that the smoke test sends.
    divide = None if rule is None else divide_folds(data.examples, rule, ["train", golden])
    transform = Transform(
        examples=data.examples if divide is None else divide.outputs["folds"],
        schema=data.schema,
        preprocessing_fn=_TRANSFORM_FN,
        analyzed=["train"],
        transformed=SPLITS if rule is None else [*rule.splits, golden],
        custom_config={
            FEATURES_KEY: config.features.to_json(),
            MISSING_KEY: missing.to_json(),
            FINGERPRINT_KEY: _code_behind(_TRANSFORM_FN, own_fn, modules=Transform.CODE),
        },
        engine=engine,
    )
    # Its verdict goes into nothing, but nothing may be spent on data that it refuses.
    (divide or transform).add_upstream_node(data.gate)
    job = TrainerJob(
        features=config.features,
        model=config.model,
        train=config.train,
        seed=config.seed,
        deterministic=config.deterministic,
        golden_split=golden,
        missing=missing,
    )
    own_models = [family for family in config.families() if "." in family]
    code, graph = _code_behind(_RUN_FN, *own_models), transform.outputs["transform_graph"]
    common = {"run_fn": _RUN_FN, "examples": transform.outputs["transformed_examples"], "transform_graph": graph}
    if asked is not None and rule is not None and divide is not None:
        trained = trainings(job, asked, rule, wiring, code=code, **common)
        return _TrainingStage(
            [divide, transform, *trained.nodes], graph, trained.model, trained.model_run, trained.folds
        )
    tuning = _tuning_nodes(config, job, transform, code, wiring)
    trainer = wiring.trainer(
        **common,
        base_model=wiring.champion.outputs["model"] if config.train.warm_start else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        # The smoke test's rows are the trainer's too, for their predictions only: see components.trainer.export.
        eval_args=trainer_pb2.EvalArgs(splits=sorted({"eval", golden} - {"train"})),
        hyperparameters=tuning[-1].outputs["best_hyperparameters"] if tuning else None,
        custom_config={JOB_KEY: job.to_json(), FINGERPRINT_KEY: code},
    )
    model, logs = trainer.outputs["model"], trainer.outputs["model_run"]
    search = {name: tuning[-1].outputs[name] for name in SEARCH} if tuning else {}
    return _TrainingStage([transform, *tuning, trainer], graph, model, logs, search=search)


def _tuning_nodes(
    config: PipelineConfig, job: TrainerJob, transform: BaseNode, code: str, wiring: Wiring
) -> list[BaseNode]:
    """The nodes of the search, the last of which has its result; none without one."""
    if config.tune is None:
        return []
    # What the smoke test sends is not the search's business: another choice of it changes no trial.
    trial = job.model_copy(update={"golden_split": "eval"})
    tuner = TunerJob(tune=config.tune, stated_params=stated_params(config.model))
    return wiring.tuner(
        config.tune,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        custom_config={
            JOB_KEY: trial.to_json(),
            TUNE_KEY: tuner.to_json(),
            FINGERPRINT_KEY: f"{code}-{fingerprint(Tuner.CODE)}",
        },
    )


@dataclass(frozen=True)
class _GateStage:
    nodes: list[BaseNode]
    evaluation: BaseChannel
    smoke_report: BaseChannel
    model_blessing: BaseChannel
    infra_blessing: BaseChannel


def _gate_stage(
    config: PipelineConfig, data: DataStage, training: _TrainingStage, champion: BaseNode, engine: Engine
) -> _GateStage:
    """Two gates that do not wait for each other."""
    evaluator = Evaluator(
        examples=data.examples,
        model=training.model,
        baseline_model=champion.outputs["model"],
        eval_config=eval_config(config.evaluate, config.features),
        skill=config.evaluate.skill,
        small_tree=config.evaluate.small_tree,
        engine=engine,
        example_splits=["test"],
        folds=training.folds,
        cross_validation=config.train.cross_validation,
        schema=data.schema,
        code_fingerprint=fingerprint([*Evaluator.CODE, *(path.rpartition(".")[0] for path in config.evaluate.metrics)]),
    )
    wanted = config.smoke_test.infra_validator
    infra_validator = (
        infra_validator_node(wanted, training.model, data.examples, config.smoke_test.split) if wanted else None
    )
    smoke_test = SmokeTest(
        model=training.model,
        examples=data.examples,
        schema=data.schema,
        transform_graph=training.transform_graph,
        champion=champion.outputs["model"],
        infra_blessing=infra_validator.outputs["blessing"] if infra_validator else None,
        config=config.smoke_test,
        code_fingerprint=fingerprint(SmokeTest.CODE, SmokeTest.CODE_FILES),
    )
    nodes = [evaluator, *([infra_validator] if infra_validator else []), smoke_test]
    return _GateStage(
        nodes=nodes,
        evaluation=evaluator.outputs["evaluation"],
        smoke_report=smoke_test.outputs["report"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=smoke_test.outputs["blessing"],
    )


def _code_behind(ours: str, *own: str | None, modules: Sequence[str] = ()) -> str:
    """The fingerprint of a function of ours, of the user's where there are any, and of modules that call them."""
    return fingerprint([*(path.rpartition(".")[0] for path in (ours, *own) if path), *modules])
