"""What Keras 3 reports of training with weights, a split and a last batch that is smaller: writes fit.json.

Made with Keras 3 and KERAS_BACKEND=jax: python fit.py
"""
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np


def train(**options):
    kernel = keras.initializers.Constant([[1.0], [-0.5]])
    dense = keras.layers.Dense(1, kernel_initializer=kernel, kernel_regularizer=keras.regularizers.L2(0.01))
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(0.05), keras.losses.MeanSquaredError())
    n = np.arange(11, dtype="float32")
    x = np.stack([np.sin(n), np.cos(n)], 1)
    y = (n % 3)[:, None]
    if options.pop("has_sample_weight", False):
        options["sample_weight"] = n / 5
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, **options).history
    history["kernel"] = model.get_weights()[0].ravel().tolist()
    return history


cases = {
    "plain": train(),
    "split": train(validation_split=0.3),
    "sample_weight": train(has_sample_weight=True, validation_split=0.3),
    "class_weight": train(class_weight={0: 0.5, 1: 1.0, 2: 2.0}),
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"keras": keras.__version__, "cases": cases}, indent=1) + "\n")
