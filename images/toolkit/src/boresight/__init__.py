"""Boresight: calibration of Earth-observation instruments."""
