"""The gate's network is learned here, from pictures at hand: `python -m xraykit.training.gate`; nothing else needs it.

pictures  films, photographs, drawings and other DICOM images, divided into learned and measured
augment   pictures as other hospitals, scanners and slides would show them
changes   what happens to pictures on their way, to measure with
drawn     pictures of anything but a chest, drawn
bodies    other pictures of the body, drawn
measure   what the gate does with pictures it never learned from
"""
