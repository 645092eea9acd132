"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

seen/  what a model saw: the films it learned from, and the way of a film to its input
"""
