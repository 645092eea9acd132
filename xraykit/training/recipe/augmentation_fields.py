"""The fields of a recipe's augmentation in a person's words: what moves and relights films, what hides their source."""

from __future__ import annotations

from xraykit.training.recipe.field import number, switch

FIELDS = (
    number(
        "augmentation.rotation",
        "Rotation",
        "Rotates by up to this angle, either way. Chest films differ by a few degrees.",
        1.0,
        unit="degrees",
    ),
    number("augmentation.shift", "Shift", "Moves by up to this fraction of the side, in any direction.", 0.01),
    number("augmentation.zoom", "Zoom", "Enlarges or shrinks by up to this fraction.", 0.01),
    number(
        "augmentation.brightness",
        "Brightness",
        "Lightens or darkens by up to this fraction of full scale, as exposures differ.",
        0.01,
    ),
    number("augmentation.contrast", "Contrast", "Raises or lowers contrast by up to this fraction.", 0.05),
    switch(
        "augmentation.flip",
        "Mirror left and right",
        "Mirrors half the films. Leave it off for chest films: a mirrored one has the heart on the wrong side.",
    ),
    number(
        "augmentation.crop",
        "Cut",
        "Cuts up to this fraction of the side off, anywhere, so that the place of the lungs in the film says nothing.",
        0.05,
    ),
    number(
        "augmentation.stretch",
        "Stretch",
        "Stretches height against width by up to this fraction. Many published copies have lost the film's shape.",
        0.05,
    ),
    number(
        "augmentation.gamma",
        "Gamma",
        "Bends the grey scale by up to this much, either way: 0.5 is an exponent of 1/1.5 to 1.5. Machines and exports "
        "differ in it.",
        0.1,
    ),
    number(
        "augmentation.equalize",
        "Other contrast",
        "The chance that a film's histogram or local contrast is equalised, as some hospitals and collections do.",
        0.05,
    ),
    number(
        "augmentation.frame",
        "Frames",
        "Half the films get a black, white or grey frame of up to this fraction of the side, so that frames tell no "
        "source.",
        0.02,
    ),
    number(
        "augmentation.text",
        "Letters and markers",
        "The chance that letters, side markers or plates are put on a film, mostly near its edges.",
        0.05,
    ),
    number(
        "augmentation.erase",
        "Patches",
        "The chance that a rectangle is covered with one grey, so that the network does not rely on one place.",
        0.05,
    ),
    number(
        "augmentation.degrade",
        "Poorer files",
        "The chance of each: fewer pixels, noise, JPEG compression. Sources differ in how their files were made.",
        0.05,
    ),
)
