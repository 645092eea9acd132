"""Is an image a frontal chest film, the right way up? Asked before any model speaks.

verdict   what a picture is taken for, and the refusal that follows
network   the network that takes it for that: a small grey picture in, LiteRT, no TensorFlow
"""
