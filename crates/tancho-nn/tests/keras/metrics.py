"""Writes metrics.json: results of metrics after each of several batches, with and without weights, as Keras computes them.

Made with Python 3.11, Keras 3.15.1 on JAX (KERAS_BACKEND=jax), NumPy. Run it in this folder: python metrics.py
"""

import json
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np

random = np.random.default_rng(6)
cases = []


def array(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "values": [float(f"{v:.9g}") for v in x.reshape(-1)]}


def add(name, make, truth, prediction, weight_shape=lambda size: (size,)):
    for weighted in (False, True):
        metric, batches = make(), []
        for size in (4, 7, 4):
            t, p = np.asarray(truth(size)), np.asarray(prediction(size), np.float32)
            w = random.uniform(0.2, 2.0, weight_shape(size)).astype(np.float32) if weighted else None
            metric.update_state(t, p, sample_weight=w)
            batches.append({"truth": array(t), "prediction": array(p), "weights": None if w is None else array(w),
                            "result": array(metric.result())})
        integer = bool(np.issubdtype(t.dtype, np.integer))
        cases.append({"name": name, "metric": metric.name, "integer": integer, "batches": batches})


M = keras.metrics
normal = lambda *shape: lambda size: random.normal(size=(size, *shape)).astype(np.float32)
uniform = lambda *shape: lambda size: random.uniform(0.0, 1.0, (size, *shape)).astype(np.float32)
bits = lambda *shape: lambda size: random.integers(0, 2, (size, *shape))
classes = lambda number, *shape: lambda size: random.integers(0, number, (size, *shape))
one_hot = lambda number: lambda size: np.eye(number, dtype=np.float32)[random.integers(0, number, size)]

add("accuracy", M.Accuracy, classes(3), classes(3))
add("accuracy", M.Accuracy, classes(3, 2), classes(3, 2))
add("binary_accuracy", M.BinaryAccuracy, bits(1), uniform(1))
add("binary_accuracy", M.BinaryAccuracy, bits(), uniform(1))
add("binary_accuracy", M.BinaryAccuracy, bits(3), uniform(3))
add("binary_accuracy(0.3)", lambda: M.BinaryAccuracy(threshold=0.3), bits(3), uniform(3))
add("categorical_accuracy", M.CategoricalAccuracy, one_hot(3), normal(3))
add("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, classes(3), normal(3))
add("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, classes(3, 1), normal(3))
add("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, classes(3, 5), normal(5, 3))
add("top_k", lambda: M.TopKCategoricalAccuracy(k=2), one_hot(5), normal(5))
add("sparse_top_k", lambda: M.SparseTopKCategoricalAccuracy(k=2), classes(5), normal(5))
add("any", lambda: M.BinaryAccuracy(name="accuracy"), bits(1), uniform(1))
add("any", lambda: M.SparseCategoricalAccuracy(name="accuracy"), classes(3), normal(3))
add("any", lambda: M.CategoricalAccuracy(name="accuracy"), one_hot(3), normal(3))

add("mean_absolute_error", M.MeanAbsoluteError, normal(3), normal(3))
add("mean_squared_error", M.MeanSquaredError, normal(3), normal(3))
add("mean_squared_error", M.MeanSquaredError, normal(5, 3), normal(5, 3))
add("mean_squared_error", M.MeanSquaredError, normal(5, 3), normal(5, 3), lambda size: (size, 5))
add("root_mean_squared_error", M.RootMeanSquaredError, normal(3), normal(3))
add("root_mean_squared_error", M.RootMeanSquaredError, normal(), normal())
add("mean_absolute_percentage_error", M.MeanAbsolutePercentageError, normal(3), normal(3))
add("mean_squared_logarithmic_error", M.MeanSquaredLogarithmicError, uniform(3), uniform(3))
add("logcosh", M.LogCoshError, normal(3), normal(3))
add("cosine_similarity", M.CosineSimilarity, normal(3), normal(3))

for name, make in (("precision", M.Precision), ("recall", M.Recall)):
    add(name, make, bits(), uniform())
    add(name, make, bits(3), uniform(3))
    add(name + "(thresholds)", lambda: make(thresholds=[0.2, 0.7]), bits(3), uniform(3))
    add(name + "(top_k)", lambda: make(top_k=2), bits(4), uniform(4))
    add(name + "(class)", lambda: make(class_id=1), bits(4), uniform(4))
for curve in ("ROC", "PR"):
    for method in ("interpolation", "minoring", "majoring"):
        add(f"auc({curve},{method})", lambda: M.AUC(curve=curve, summation_method=method, name="auc"), bits(2), uniform(2))
add("auc(ROC,interpolation)", lambda: M.AUC(name="auc"), bits(), uniform())
add("auc(few)", lambda: M.AUC(num_thresholds=5, name="auc"), bits(), uniform())
add("auc(thresholds)", lambda: M.AUC(thresholds=[0.7, 0.2, 0.35], name="auc"), bits(), uniform())
add("auc(logits)", lambda: M.AUC(from_logits=True, name="auc"), bits(1), normal(1))
f_truth = lambda size: one_hot(3)(size)
add("f1", M.F1Score, f_truth, uniform(3))
for average in ("micro", "macro", "weighted"):
    add(f"f_beta({average})", lambda: M.FBetaScore(average=average, beta=2.0, threshold=0.4), f_truth, uniform(3))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json"), "w") as file:
    json.dump(cases, file, separators=(",", ":"))
