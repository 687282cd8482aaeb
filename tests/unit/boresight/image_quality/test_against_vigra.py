"""Slanted-edge MTF against VIGRA's implementation of ISO 12233, which nobody here wrote."""

from __future__ import annotations

import numpy as np
import pytest
from support.comparisons import Recorder
from support.edges import FREQUENCIES, VIGRA, simulated_edge

from boresight.image_quality import slanted_edge


@pytest.mark.others
@pytest.mark.parametrize(("optics", "lean_deg"), VIGRA)
def test_mtf_is_that_of_vigra(optics: str, lean_deg: float, compared: Recorder) -> None:
    found = slanted_edge(simulated_edge(optics, lean_deg))
    apart = np.abs(np.interp(FREQUENCIES, found.frequency, found.mtf) - VIGRA[optics, lean_deg])
    compared("MTF by slanted edge", "VIGRA 1.11.1", apart.max(), 0.01, "1")
    compared("MTF by slanted edge, at Nyquist", "VIGRA 1.11.1", apart[-1], 0.01, "1")
