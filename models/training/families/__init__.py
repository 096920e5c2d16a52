"""The kinds of models that can be trained, each with one function from a job to a trained model."""
