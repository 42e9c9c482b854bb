"""Training by several processes, on one machine or on many: `train.distribution: multi_worker`."""
