"""The network of a recipe, in Keras 3 alone.

network    built flat, its preprocessing inside: what learns, what it starts from
backbones  the backbones, each with its scaling
resnet18   the backbone that Keras does not have
gate       the gate's own network, fitted and made a LiteRT graph
"""
