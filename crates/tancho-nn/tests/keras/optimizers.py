"""Writes optimizers.json: what optimisers and schedules of Keras compute, for tests/optimizers.rs.

Keras 3.15.1, JAX 0.10.2 on a CPU, float32; KERAS_BACKEND=jax python optimizers.py
"""

import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import optimizers
from keras.optimizers import schedules

SHAPES = [(2, 3), (4,)]
STEPS = 10


def initial(which, shape):
    """Eighths, which float32 holds exactly."""
    count = np.prod(shape)
    values = [((place * 5 + which * 3) % 13 - 5) / 8 + 1 / 16 for place in range(count)]
    return np.array(values, np.float32).reshape(shape)


def gradient(which, shape, step):
    """Eighths from -5/8 to 5/8, some of them 0."""
    count = np.prod(shape)
    values = [((place * 7 + step * 3 + which * 2) % 11 - 5) / 8 for place in range(count)]
    return np.array(values, np.float32).reshape(shape)


# Each with the name by which the test makes the same one.
OPTIMIZERS = {
    "sgd": optimizers.SGD(),
    "sgd_momentum": optimizers.SGD(0.05, momentum=0.9),
    "sgd_nesterov": optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "sgd_weight_decay": optimizers.SGD(0.05, weight_decay=0.1),
    "sgd_clipvalue": optimizers.SGD(0.05, clipvalue=0.3),
    "sgd_clipnorm": optimizers.SGD(0.05, clipnorm=0.7),
    "sgd_global_clipnorm": optimizers.SGD(0.05, global_clipnorm=0.9),
    "sgd_global_clipnorm_above": optimizers.SGD(0.05, global_clipnorm=9.0),
    "sgd_schedule": optimizers.SGD(schedules.ExponentialDecay(0.1, 5, 0.5)),
    "sgd_ema": optimizers.SGD(0.05, momentum=0.5, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    "adam": optimizers.Adam(),
    "adam_options": optimizers.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
    "adam_amsgrad": optimizers.Adam(0.01, beta_2=0.9, amsgrad=True),
    "adam_ema": optimizers.Adam(0.01, beta_2=0.95, amsgrad=True, use_ema=True, ema_overwrite_frequency=4),
    "adamw": optimizers.AdamW(),
    "adamw_options": optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.5),
    "rmsprop": optimizers.RMSprop(),
    "rmsprop_momentum": optimizers.RMSprop(0.01, rho=0.8, momentum=0.5),
    "rmsprop_centered": optimizers.RMSprop(0.001, centered=True, epsilon=1e-3),
    "rmsprop_all": optimizers.RMSprop(0.001, momentum=0.9, centered=True, epsilon=1e-3, weight_decay=0.01),
    "adagrad": optimizers.Adagrad(),
    "adagrad_options": optimizers.Adagrad(0.1, initial_accumulator_value=0.5, epsilon=1e-2),
    "adadelta": optimizers.Adadelta(),
    "adadelta_options": optimizers.Adadelta(1.0, rho=0.9, epsilon=1e-3),
    "adamax": optimizers.Adamax(),
    "adamax_options": optimizers.Adamax(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-2),
    "nadam": optimizers.Nadam(),
    "nadam_options": optimizers.Nadam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
    "lion": optimizers.Lion(),
    "lion_options": optimizers.Lion(0.01, beta_1=0.7, beta_2=0.8, weight_decay=0.1),
    "adafactor": optimizers.Adafactor(),
    "adafactor_options": optimizers.Adafactor(0.1, beta_2_decay=-0.6, epsilon_2=0.1, clip_threshold=0.5),
    "adafactor_absolute": optimizers.Adafactor(0.5, relative_step=False),
    "ftrl": optimizers.Ftrl(),
    "ftrl_options": optimizers.Ftrl(
        0.1,
        learning_rate_power=-0.4,
        initial_accumulator_value=0.2,
        l1_regularization_strength=0.05,
        l2_regularization_strength=0.1,
        l2_shrinkage_regularization_strength=0.02,
        beta=0.3,
    ),
}

SCHEDULES = {
    "exponential": schedules.ExponentialDecay(0.1, 20, 0.9),
    "exponential_staircase": schedules.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    "piecewise": schedules.PiecewiseConstantDecay([10, 25], [1.0, 0.5, 0.1]),
    "polynomial": schedules.PolynomialDecay(0.1, 30),
    "polynomial_power": schedules.PolynomialDecay(0.1, 30, end_learning_rate=0.01, power=2.0),
    "polynomial_cycle": schedules.PolynomialDecay(0.1, 12, end_learning_rate=0.01, power=0.5, cycle=True),
    "inverse_time": schedules.InverseTimeDecay(0.1, 10, 0.5),
    "inverse_time_staircase": schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    "cosine": schedules.CosineDecay(0.1, 40),
    "cosine_warmup": schedules.CosineDecay(0.01, 30, alpha=0.1, warmup_target=0.2, warmup_steps=10),
    "restarts": schedules.CosineDecayRestarts(0.1, 7),
    "restarts_even": schedules.CosineDecayRestarts(0.1, 11, t_mul=1.0, m_mul=0.8, alpha=0.05),
    "restarts_options": schedules.CosineDecayRestarts(0.1, 5, t_mul=1.5, m_mul=0.9, alpha=0.1),
}


def numbers(value):
    return [float(x) for x in np.asarray(value, np.float32).reshape(-1)]


def run(optimizer):
    variables = [keras.Variable(initial(which, shape), name=f"w{which}") for which, shape in enumerate(SHAPES)]
    steps = []
    for step in range(STEPS):
        gradients = [keras.ops.array(gradient(which, shape, step)) for which, shape in enumerate(SHAPES)]
        optimizer.apply(gradients, variables)
        steps.append([numbers(variable) for variable in variables])
    return steps


cases = {
    "optimizers": {name: run(optimizer) for name, optimizer in OPTIMIZERS.items()},
    "schedules": {name: numbers([schedule(step) for step in range(50)]) for name, schedule in SCHEDULES.items()},
}
place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.json")
with open(place, "w") as file:
    file.write(json.dumps(cases, separators=(",", ":")).replace('],"', '],\n"') + "\n")
