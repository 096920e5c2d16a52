"""From a trained model to an artefact: calibrated, exported, measured, with its manifest and its card."""
