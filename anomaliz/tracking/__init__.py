"""What goes to MLflow and comes from it. Only what runs apart from the service imports it."""
