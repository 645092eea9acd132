"""What was looked into after training, as sections: shortcuts and heatmaps of models."""
