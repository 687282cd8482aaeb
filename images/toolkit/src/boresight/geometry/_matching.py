"""Compiled kernel of :mod:`boresight.geometry.correlation`: one window at a time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Window = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: half-length of the interpolator: 2 * HALF_TAPS samples
HALF_TAPS = 4

#: shape of the taper; 5 leaves 0.002 px of bias on scenes with an MTF of 0.25 at Nyquist
_KAISER_BETA = 5.0

#: maximally flat first derivative of seven samples
#: (Fornberg 1988, Math. Comp. 51(184), doi:10.1090/S0025-5718-1988-0935077-0)
_NEAR, _MIDDLE, _FAR = np.float32(0.75), np.float32(-0.15), np.float32(1.0 / 60.0)

#: sum of the squares of the seven weights: how much white noise the derivative lets through
DERIVATIVE_NOISE_GAIN = 2.0 * (0.75**2 + 0.15**2 + (1.0 / 60.0) ** 2)

#: pixels around a window that interpolation and derivative read
MARGIN = HALF_TAPS + 1

OK, OUTSIDE, NODATA, FLAT, EDGE_OF_SEARCH, NOT_CONVERGED, LOW_SCORE = range(7)

#: columns of a kernel's result
N_RESULTS = 7


@njit(cache=True, nogil=True)
def _bessel(x: float) -> float:
    total, term = 1.0, 1.0
    for k in range(1, 25):
        term *= (x / (2.0 * k)) ** 2
        total += term
    return total


@njit(cache=True, nogil=True)
def _weights(fraction: float, out: Window) -> None:
    """Kaiser-windowed sinc for a position ``fraction`` right of the middle sample, sum 1."""
    total = 0.0
    top = _bessel(_KAISER_BETA)
    for k in range(2 * HALF_TAPS):
        x = k - (HALF_TAPS - 1) - fraction
        sinc = 1.0 if abs(x) < 1e-12 else math.sin(math.pi * x) / (math.pi * x)
        share = 1.0 - (x / HALF_TAPS) ** 2
        window = _bessel(_KAISER_BETA * math.sqrt(share)) / top if share > 0 else 0.0
        out[k] = sinc * window
        total += out[k]
    for k in range(2 * HALF_TAPS):
        out[k] /= total


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _search(
    template: Window,
    secondary: Window,
    row0: int,
    col0: int,
    side: int,
    reach: int,
    power: np.float32,
    scores: FloatArray,
) -> tuple[int, int]:
    """Best whole shift around a first guess by zero-mean normalised correlation.

    Sums and squares of all windows come from summed-area tables of the piece that they cover.
    """
    best, best_row, best_col = -2.0, 0, 0
    size = side + 2 * reach
    piece = np.empty((size, size), np.float32)
    piece[:, :] = secondary[row0 - reach : row0 + side + reach, col0 - reach : col0 + side + reach]
    _centre(piece, size)
    sums, squares = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
    for r in range(size):
        s, ss = 0.0, 0.0
        for c in range(size):
            value = float(piece[r, c])
            s += value
            ss += value * value
            sums[r + 1, c + 1] = sums[r, c + 1] + s
            squares[r + 1, c + 1] = squares[r, c + 1] + ss
    n = float(side * side)
    for i in range(2 * reach + 1):
        for j in range(2 * reach + 1):
            product = np.float32(0.0)
            for r in range(side):
                for c in range(side):
                    product += piece[i + r, j + c] * template[r, c]
            s = sums[i + side, j + side] - sums[i, j + side] - sums[i + side, j] + sums[i, j]
            ss = squares[i + side, j + side] - squares[i, j + side]
            ss += squares[i, j] - squares[i + side, j]
            # what differences of tables leave of a window without texture is rounding
            variance = ss - s * s / n
            known = variance > 1e-12 * squares[size, size]
            score = float(product) / math.sqrt(variance * power) if known else -2.0
            scores[i, j] = score
            if score > best:
                best, best_row, best_col = score, i - reach, j - reach
    return best_row, best_col


@njit(cache=True, nogil=True)
def _parabola(before: float, top: float, after: float) -> float:
    """Place of the maximum through three scores, within half a step."""
    curvature = before - 2.0 * top + after
    if curvature >= 0:
        return 0.0
    return min(max(0.5 * (before - after) / curvature, -0.5), 0.5)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _shifted(
    image: Window,
    row: float,
    col: float,
    side: int,
    w_row: Window,
    w_col: Window,
    work: Window,
    out: Window,
) -> None:
    """Window of ``image`` at a position with a fraction, interpolated along rows and columns."""
    whole_row, whole_col = math.floor(row), math.floor(col)
    _weights(row - whole_row, w_row)
    _weights(col - whole_col, w_col)
    taps = 2 * HALF_TAPS
    first_row, first_col = whole_row - (HALF_TAPS - 1), whole_col - (HALF_TAPS - 1)
    for r in range(side + taps - 1):
        for c in range(side):
            work[r, c] = 0.0
        for k in range(taps):
            w = w_col[k]
            for c in range(side):
                work[r, c] += w * image[first_row + r, first_col + c + k]
    for r in range(side):
        for c in range(side):
            out[r, c] = 0.0
        for k in range(taps):
            w = w_row[k]
            for c in range(side):
                out[r, c] += w * work[r + k, c]


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _gradients(
    image: Window, top: int, left: int, side: int, out_row: Window, out_col: Window
) -> None:
    a, b, d = _NEAR, _MIDDLE, _FAR
    for r in range(side):
        y = top + r
        for c in range(side):
            x = left + c
            out_row[r, c] = (
                a * (image[y + 1, x] - image[y - 1, x])
                + b * (image[y + 2, x] - image[y - 2, x])
                + d * (image[y + 3, x] - image[y - 3, x])
            )
            out_col[r, c] = (
                a * (image[y, x + 1] - image[y, x - 1])
                + b * (image[y, x + 2] - image[y, x - 2])
                + d * (image[y, x + 3] - image[y, x - 3])
            )


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _dot(a: Window, b: Window, side: int) -> float:
    total = 0.0
    for r in range(side):
        part = np.float32(0.0)
        for c in range(side):
            part += a[r, c] * b[r, c]
        total += float(part)
    return total


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _centre(a: Window, side: int) -> None:
    total = 0.0
    for r in range(side):
        part = np.float32(0.0)
        for c in range(side):
            part += a[r, c]
        total += float(part)
    mean = np.float32(total / (side * side))
    for r in range(side):
        for c in range(side):
            a[r, c] -= mean


@njit(cache=True, nogil=True)
def _solve3(A: FloatArray, b: FloatArray, x: FloatArray) -> bool:
    """Solve a symmetric positive 3 by 3 system by Cholesky; False when it is singular."""
    l00 = A[0, 0]
    if l00 <= 0:
        return False
    l00 = math.sqrt(l00)
    l10, l20 = A[1, 0] / l00, A[2, 0] / l00
    l11 = A[1, 1] - l10 * l10
    if l11 <= 1e-6 * A[1, 1]:
        return False
    l11 = math.sqrt(l11)
    l21 = (A[2, 1] - l20 * l10) / l11
    l22 = A[2, 2] - l20 * l20 - l21 * l21
    if l22 <= 1e-6 * A[2, 2]:
        return False
    l22 = math.sqrt(l22)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    x[2] = y2 / l22
    x[1] = (y1 - l21 * x[2]) / l11
    x[0] = (y0 - l10 * x[1] - l20 * x[2]) / l00
    return True


@njit(cache=True, nogil=True, parallel=True)
def match(
    reference: Window,
    secondary: Window,
    bad_reference: IntArray,
    bad_secondary: IntArray,
    tops: IntArray,
    lefts: IntArray,
    guess_row: FloatArray,
    guess_col: FloatArray,
    side: int,
    reach: int,
    max_steps: int,
    tolerance: float,
    min_score: float,
    out: FloatArray,
    status: NDArray[np.uint8],
) -> None:
    """Displacement of every window.

    ``out`` columns: row, column shift, their variances and covariance [px²], score, noise variance.
    ``bad_*`` are summed-area tables of pixels without data.
    """
    rows, cols = reference.shape
    rows2, cols2 = secondary.shape
    taps = 2 * HALF_TAPS
    for i in prange(tops.size):
        top, left = tops[i], lefts[i]
        status[i] = OUTSIDE
        g_row, g_col = round(guess_row[i]), round(guess_col[i])
        row0, col0 = top + g_row, left + g_col
        if top < MARGIN or left < MARGIN:
            continue
        if top + side + MARGIN > rows or left + side + MARGIN > cols:
            continue
        beyond = reach + MARGIN
        if row0 < beyond or col0 < beyond:
            continue
        if row0 + side + beyond > rows2 or col0 + side + beyond > cols2:
            continue
        status[i] = NODATA
        t, b = top - MARGIN, top + side + MARGIN
        q, r = left - MARGIN, left + side + MARGIN
        if bad_reference[b, r] - bad_reference[t, r] - bad_reference[b, q] + bad_reference[t, q]:
            continue
        t, b = row0 - beyond, row0 + side + beyond
        q, r = col0 - beyond, col0 + side + beyond
        if bad_secondary[b, r] - bad_secondary[t, r] - bad_secondary[b, q] + bad_secondary[t, q]:
            continue
        template = np.empty((side, side), np.float32)
        grad_row = np.empty((side, side), np.float32)
        grad_col = np.empty((side, side), np.float32)
        moved = np.empty((side, side), np.float32)
        work = np.empty((side + taps - 1, side), np.float32)
        w_row = np.empty(taps, np.float32)
        w_col = np.empty(taps, np.float32)
        template[:, :] = reference[top : top + side, left : left + side]
        _centre(template, side)
        power = _dot(template, template, side)
        status[i] = FLAT
        if power <= 0:
            continue
        scores = np.empty((2 * reach + 1, 2 * reach + 1))
        d_row, d_col = _search(
            template, secondary, row0, col0, side, reach, np.float32(power), scores
        )
        status[i] = EDGE_OF_SEARCH
        if reach > 0 and (abs(d_row) == reach or abs(d_col) == reach):
            continue
        _gradients(reference, top, left, side, grad_row, grad_col)
        _centre(grad_row, side)
        _centre(grad_col, side)
        H = np.empty((3, 3))
        H[0, 0] = _dot(grad_row, grad_row, side)
        H[1, 1] = _dot(grad_col, grad_col, side)
        H[2, 2] = power
        H[0, 1] = H[1, 0] = _dot(grad_row, grad_col, side)
        H[0, 2] = H[2, 0] = _dot(grad_row, template, side)
        H[1, 2] = H[2, 1] = _dot(grad_col, template, side)
        shift_row, shift_col = float(d_row), float(d_col)
        if reach > 0:
            p, q = d_row + reach, d_col + reach
            shift_row += _parabola(scores[p - 1, q], scores[p, q], scores[p + 1, q])
            shift_col += _parabola(scores[p, q - 1], scores[p, q], scores[p, q + 1])
        n = side * side
        steep_row, steep_col = H[0, 0], H[1, 1]
        excess = 0.0
        right_hand, solution = np.empty(3), np.empty(3)
        status[i] = NOT_CONVERGED
        gain, squares, noise = 1.0, 0.0, 0.0
        for _ in range(max_steps):
            if abs(shift_row - d_row) > 1.5 or abs(shift_col - d_col) > 1.5:
                break
            _shifted(secondary, row0 + shift_row, col0 + shift_col, side, w_row, w_col, work, moved)
            _centre(moved, side)
            squares = _dot(moved, moved, side)
            right_hand[0] = _dot(grad_row, moved, side)
            right_hand[1] = _dot(grad_col, moved, side)
            right_hand[2] = _dot(template, moved, side)
            if not _solve3(H, right_hand, solution) or solution[2] <= 0:
                status[i] = FLAT
                break
            gain = solution[2]
            step_row, step_col = -solution[0] / gain, -solution[1] / gain
            explained = (
                right_hand[0] * solution[0]
                + right_hand[1] * solution[1]
                + right_hand[2] * solution[2]
            )
            # the template's own noise makes its gradients look steeper than the scene is: half of
            # the misfit is taken to come from the template, and longer steps make up for it
            noise = max(squares - explained, 0.0) / (n - 4.0)
            excess = n * DERIVATIVE_NOISE_GAIN * 0.5 * noise / (gain * gain)
            H[0, 0] = max(steep_row - excess, 0.4 * steep_row)
            H[1, 1] = max(steep_col - excess, 0.4 * steep_col)
            size = max(abs(step_row), abs(step_col))
            if size > 0.7:
                step_row, step_col = step_row * 0.7 / size, step_col * 0.7 / size
            shift_row += step_row
            shift_col += step_col
            if size < tolerance:
                status[i] = OK
                break
        if status[i] != OK:
            continue
        score = right_hand[2] / math.sqrt(squares * power)
        if score < min_score:
            status[i] = LOW_SCORE
        H[0, 0], H[1, 1] = steep_row, steep_col
        a, c = max(steep_row - excess, 0.1 * steep_row), max(steep_col - excess, 0.1 * steep_col)
        determinant = a * c - H[0, 1] * H[0, 1]
        if determinant <= 1e-4 * a * c:
            status[i] = FLAT
            continue
        scale = noise / (gain * gain * determinant)
        # propagated through the step's own (noisy) matrix: inverse of the signal's, times the
        # noisy one, times the inverse again
        ia, ic, ib = c, a, -H[0, 1]
        m00 = ia * (H[0, 0] * ia + H[0, 1] * ib) + ib * (H[0, 1] * ia + H[1, 1] * ib)
        m11 = ib * (H[0, 0] * ib + H[0, 1] * ic) + ic * (H[0, 1] * ib + H[1, 1] * ic)
        m01 = ia * (H[0, 0] * ib + H[0, 1] * ic) + ib * (H[0, 1] * ib + H[1, 1] * ic)
        out[i, 0] = g_row + shift_row
        out[i, 1] = g_col + shift_col
        out[i, 2] = scale * m00 / determinant
        out[i, 3] = scale * m11 / determinant
        out[i, 4] = scale * m01 / determinant
        out[i, 5] = score
        out[i, 6] = noise
