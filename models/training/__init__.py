"""Training of the packaged models; prediction code never imports it."""
