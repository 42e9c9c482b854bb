"""Tuning: trainings with other settings, judged on the eval split, by the Trainer's own code."""
