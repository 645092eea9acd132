"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance."""
