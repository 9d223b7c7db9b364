"""Records of training, the model registry, and the bundle as an MLflow model."""
