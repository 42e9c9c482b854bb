"""Models that answer wrong numbers or names."""

import numpy as np
import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import Exported, Tensors, TinyModel, classes_of, named, numbers, scaled


@broken(
    "logits where probabilities belong",
    check="probabilities",
    signature="serving_default",
    says="these look like logits",
)
class Logits(TinyModel):
    def answer(self, logits: tf.Tensor) -> Tensors:
        return named(logits, classes_of(self.task))


@broken(
    "probabilities that do not sum to one (sigmoid, not softmax)",
    check="probabilities",
    says="a sigmoid for each class where a softmax belongs",
)
class SigmoidPerClass(TinyModel):
    own_golden = True

    def answer(self, logits: tf.Tensor) -> Tensors:
        return named(tf.sigmoid(logits), classes_of(self.task))


@broken(
    "two signatures name the classes in different order",
    check="classes",
    signature="serve_features",
    says="['Chinstrap', 'Gentoo', 'Adelie']",
)
class ClassesSwapped(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        if signature == "serve_features":
            outputs["classes"] = outputs["classes"][:, ::-1]
        return outputs


@broken(
    "classes in another order than the label vocabulary",
    check="classes",
    signature="serving_default",
    says="in another order than the label's vocabulary",
)
class ClassesInAnotherOrder(TinyModel):
    def answer(self, logits: tf.Tensor) -> Tensors:
        return named(tf.nn.softmax(logits), tuple(sorted(classes_of(self.task))))


@broken("the label is not the most probable class", check="label", says="the most probable class, ['male']")
class LabelNotMostProbable(TinyModel):
    task = "binary"

    def answer(self, logits: tf.Tensor) -> Tensors:
        outputs = super().answer(logits)
        return outputs | {"label": tf.where(outputs["probabilities"][:, 1] > 0.8, "male", "female")}


@broken("a regression in standard deviations, not in units", check="range", says="in the label's own units")
class RangeInStandardDeviations(TinyModel):
    task = "regression"
    own_golden = True

    def answer(self, logits: tf.Tensor) -> Tensors:
        return {"value": logits[:, 0]}


@broken(
    "NaN for rows with a missing value",
    check="finite",
    signature="serving_default",
    says="a missing value becomes NaN: preprocessing must replace it (bill length)",
)
class NanOnMissing(TinyModel):
    def transform(self, raw: Tensors) -> Tensors:
        features = super().transform(raw)
        missing = tf.math.is_nan(raw["bill length"])[:, tf.newaxis]
        return features | {"bill_xf": tf.where(missing, np.float32("nan"), features["bill_xf"])}


@broken(
    "a vocabulary of another day", check="parity", signature="serving_default", says="'Torgersen' in island are wrong"
)
class StaleVocabulary(TinyModel):
    def damage(self, exported: Exported) -> None:
        (exported.saved_model / "assets" / "islands.txt").write_text("Torgersen\nBiscoe\nAnvers\n")


@broken(
    "one number differs by a thousandth from the trainer's", check="parity", signature="serving_default", says="row 7"
)
class OneRowDiffers(TinyModel):
    task = "regression"

    def damage(self, exported: Exported) -> None:
        path = exported.model / "golden" / "predictions.npz"
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["value"][7] *= 1.001
        np.savez(path, **arrays)


@broken(
    "serve_features takes the year for another",
    check="signatures_agree",
    signature="serve_features",
    says="serve_features reads year plus 1",
)
class SignaturesDisagree(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        if signature == "serve_features":
            raw = raw | {"year": raw["year"] + 1}
        return super().serve(signature, raw)


@broken("a Transform graph of another run", check="transform_parity", transform_graph=True, says="mass_xf")
class TransformOfAnotherRun(TinyModel):
    own_golden = True

    def transform(self, raw: Tensors) -> Tensors:
        return super().transform(raw) | {"mass_xf": scaled(numbers(raw["mass"]), 4200.0, 800.0)[:, tf.newaxis]}


@broken("a word that means missing is a category of its own", check="missing_words", says="island = 'NA'")
class MissingWordsUnknown(TinyModel):
    def transform(self, raw: Tensors) -> Tensors:
        features = super().transform(raw)
        unknown = (features["island_xf"] < 0) & tf.not_equal(raw["island"], "")[:, tf.newaxis]
        return features | {"island_xf": tf.where(unknown, tf.zeros_like(features["island_xf"]), features["island_xf"])}


@broken("the same answer to everything", check="constant", says="the model ignores its input")
class Constant(TinyModel):
    own_golden = True

    def logits(self, features: Tensors) -> tf.Tensor:
        return tf.zeros_like(super().logits(features)) + tf.constant([0.3, 0.2, 0.1])


@broken("three of four features have no effect", check="ignored_features", says="bill length")
class MostFeaturesIgnored(TinyModel):
    own_golden = True

    def logits(self, features: Tensors) -> tf.Tensor:
        nothing = {name: tf.zeros_like(features[name]) for name in ("bill_xf", "year_xf", "island_xf")}
        return super().logits(features | nothing)


@broken("a feature silently dropped", check="feature_effect", signature="serving_default", says="mass")
class FeatureDropped(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        return super().serve(signature, raw | {"mass": tf.fill(tf.shape(raw["mass"]), tf.constant(4500, tf.int64))})


@broken(
    "the label in the request changes the answer",
    check="label_ignored",
    signature="serving_default",
    says="the model reads the label",
)
class LabelLeaks(TinyModel):
    parsed = TinyModel.parsed | {"species": tf.io.FixedLenFeature([], tf.string, "")}

    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        if signature != "serving_default":
            return outputs
        told = tf.cast(tf.equal(raw["species"][:, tf.newaxis], list(classes_of(self.task))), tf.float32)
        return named(tf.nn.softmax(tf.math.log(outputs["probabilities"]) + 2.0 * told), classes_of(self.task))
