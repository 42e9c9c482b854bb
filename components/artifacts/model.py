"""What the trainer leaves in the Model artifact beside `golden/`: the SavedModel, and the weights for a warm start."""

SAVED_MODEL = "saved_model.pb"
"""In the folder of a SavedModel; model servers wait for it, so it is written last: a folder with it is complete."""
SAVED_MODEL_TEXT = "saved_model.pbtxt"
"""The graph as text, from other exporters than TensorFlow's own; read where there is no `saved_model.pb`."""
TRAINING_FOLDER = "training"
"""In the artifact: weights and architecture, see `components.trainer.warm_start`."""
