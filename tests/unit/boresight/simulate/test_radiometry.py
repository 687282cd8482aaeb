"""Noise, gains and sharpness come back as they were put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boresight.simulate import PairConfig
from boresight.simulate.radiometry import equalise, expose, make_detector
from boresight.simulate.rendering import RAYS_PER_PIXEL, sample

CONFIG = PairConfig(size_px=512, noise_a=25.0, noise_b=0.2)


def test_noise_law_is_recovered() -> None:
    """Variance of the difference of two exposures: twice a + b L, and 1/12 of rounding each."""
    detector = make_detector(replace(CONFIG, prnu_rms=0.0, dsnu_rms_dn=0.0))
    levels = np.array([0.02, 0.1, 0.3, 0.6, 0.9])
    variance, signal = [], []
    for k, level in enumerate(levels):
        flat = np.full((512, 512), level, np.float32)
        pair = [expose(flat, detector, CONFIG, 10 * k + i).astype(float) for i in (0, 1)]
        variance.append(np.var(pair[0] - pair[1]) / 2 - 1 / 12)
        signal.append(level * CONFIG.gain_dn)
        assert pair[0].mean() == pytest.approx(signal[-1] + CONFIG.dark_dn, abs=0.5)
    # each variance is known to 1/sqrt(512²) = 0.2 %, twice that here
    b, a = np.polyfit(signal, variance, 1, w=1 / np.array(variance))
    assert b == pytest.approx(CONFIG.noise_b, rel=0.02)
    assert a == pytest.approx(CONFIG.noise_a, rel=0.08)


def test_equalisation_takes_out_what_the_detector_put_in() -> None:
    quiet = replace(CONFIG, noise_a=0.0, noise_b=0.0)
    detector = make_detector(quiet)
    flat = np.full((512, 512), 0.5, np.float32)
    raw = expose(flat, detector, quiet, 0)
    # 1.5 % of 4000 DN, and 2 DN
    assert raw.std() == pytest.approx(np.hypot(0.015 * 4000, 2.0), rel=0.02)
    level_1 = equalise(raw, detector, quiet.dark_dn).astype(float)
    assert level_1.std() < 0.5  # rounding, twice
    assert level_1.mean() == pytest.approx(4000 + 64, abs=0.1)


def test_detector_statistics() -> None:
    detector = make_detector(CONFIG)
    assert detector.gain.mean() == pytest.approx(1.0, abs=1e-3)
    assert detector.gain.std() == pytest.approx(CONFIG.prnu_rms, rel=0.03)
    assert detector.offset_dn.std() == pytest.approx(CONFIG.dsnu_rms_dn, rel=0.01)


def test_saturation_is_clipped() -> None:
    detector = make_detector(CONFIG)
    bright = expose(np.full((512, 512), 50.0, np.float32), detector, CONFIG, 0)
    assert (bright == 65535).all()


@pytest.mark.parametrize("sigma_px", [0.4, 0.55, 1.0])
def test_mtf_of_an_edge(sigma_px: float) -> None:
    """Gaussian times the pixel's average over its rays, as theory has it."""
    halo = int(np.ceil(4 * sigma_px)) * RAYS_PER_PIXEL
    n = 64
    size = n * RAYS_PER_PIXEL + 2 * halo
    lines = []
    # an edge at many places within a pixel gives the edge response finely
    for shift in range(RAYS_PER_PIXEL):
        rays = np.zeros((size, size), np.float32)
        rays[:, halo + n + shift :] = 1.0
        image = sample(rays, sigma_px)
        assert image.shape == (n, n)
        lines.append(image[n // 2])
    profile = np.stack(lines[::-1], axis=-1).ravel()
    response = np.diff(profile)
    spectrum = np.abs(np.fft.rfft(response, 4096))
    # cycles per pixel: samples are half a pixel apart
    frequency = np.fft.rfftfreq(4096, 1 / RAYS_PER_PIXEL)
    theory = np.exp(-2 * (np.pi * frequency * sigma_px) ** 2) * np.abs(
        np.cos(np.pi * frequency / RAYS_PER_PIXEL)
    )
    low = frequency <= 0.5
    assert np.abs(spectrum[low] - theory[low]).max() < 0.02


def test_without_point_spread_pixels_are_means_of_rays() -> None:
    rays = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert sample(rays, 0.0).tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_blur_conserves_light() -> None:
    rays = np.full((40, 40), 0.3, np.float32)
    assert sample(rays, 0.55) == pytest.approx(0.3, abs=1e-6)
