"""Writes the archives of tests/data.rs. Written with Python 3 and NumPy 2: python make.py"""
import os
import numpy as np

folder = os.path.dirname(os.path.abspath(__file__))
arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "labels": np.array([1, -2], dtype=np.int64)}
np.savez(os.path.join(folder, "stored.npz"), **arrays)
np.savez_compressed(os.path.join(folder, "packed.npz"), **arrays)
