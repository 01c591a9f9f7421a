"""Rules that combine decisions, their weights and calibration."""
