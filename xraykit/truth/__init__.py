"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

sets  prediction sets: what they promise, and whether they keep it at home and elsewhere
"""
