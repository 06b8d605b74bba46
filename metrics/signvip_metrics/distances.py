"""Distances between two sets of features (n, d): arithmetic alone, whatever network the features come from."""

from __future__ import annotations

import numpy as np

from signvip.errors import DataError

LEAST = 2  # samples: one has no covariance
KERNEL_BLOCK = 1024  # rows of the kernel that are held at a time


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Frechet distance of two Gaussians fitted to features (n, d), covariances unbiased; lower is better.

    |mx - my|^2 + tr(Sx) + tr(Sy) - 2 tr((Sx Sy)^(1/2)). With Sx = X'X and Sy = Y'Y for centred, scaled X and Y, the
    last trace is the sum of the singular values of X Y', so that no root of a matrix is needed; where there are more
    samples than features, X and Y are replaced by their (d, d) triangular factors, which have the same products.
    """
    x, y = _features(x), _features(y)
    if x.shape[1] != y.shape[1]:
        raise DataError(f"The features have {x.shape[1]} and {y.shape[1]} columns; use one network for both.")
    a, b = (_factor((z - z.mean(axis=0)) / np.sqrt(len(z) - 1)) for z in (x, y))
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    shift = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    return float(shift + (a**2).sum() + (b**2).sum() - 2 * cross)


def kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x'y / d + 1)^3 (KID); may be below 0."""
    x, y = _features(x), _features(y)
    if x.shape[1] != y.shape[1]:
        raise DataError(f"The features have {x.shape[1]} and {y.shape[1]} columns; use one network for both.")
    n, m = len(x), len(y)
    within = (_kernel_sum(x, x) - _kernel_diagonal(x)) / (n * (n - 1))
    within += (_kernel_sum(y, y) - _kernel_diagonal(y)) / (m * (m - 1))
    return within - 2 * _kernel_sum(x, y) / (n * m)


def _features(x: np.ndarray) -> np.ndarray:
    if x.ndim != 2 or not np.isfinite(x).all():
        raise DataError(f"Features must be finite and (n, d); these have the shape {tuple(x.shape)}.")
    if len(x) < LEAST:
        raise DataError("One sample has no covariance; give at least two, and many more than features.")
    return x.astype(np.float64)  # in single precision the terms cancel to a few digits


def _factor(x: np.ndarray) -> np.ndarray:
    return np.linalg.qr(x).R if len(x) > x.shape[1] else x


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    blocks = range(0, len(x), KERNEL_BLOCK)
    return float(sum(((x[i : i + KERNEL_BLOCK] @ y.T / x.shape[1] + 1) ** 3).sum() for i in blocks))


def _kernel_diagonal(x: np.ndarray) -> float:
    return float((((x**2).sum(axis=1) / x.shape[1] + 1) ** 3).sum())
