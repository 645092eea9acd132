"""Which of the backbones that recipes train a network holds, told by names and shapes. Never imports Keras."""

from __future__ import annotations

from typing import Any

# Layers that a backbone has, layers that only its larger kin have, and a convolution with its filters at width 1
_LANDMARKS = {
    "MobileNetV2": ("Conv1 expanded_conv_project Conv_1 out_relu", "", "block_16_project", 320),
    "MobileNet": ("conv1 conv_dw_1 conv_pw_13_relu", "", "conv_pw_13", 1024),
    "ResNet18": ("conv1 layer1_0_conv1 layer4_1_out", "layer1_2_conv1 layer1_0_conv3", "layer4_1_conv2", 512),
    "ResNet50": ("conv1_conv conv5_block3_3_bn conv5_block3_out", "conv4_block7_out", "conv5_block3_3_conv", 2048),
    "VGG16": ("block1_conv1 block5_conv3 block5_pool", "block5_conv4", "block5_conv3", 512),
    "VGG19": ("block1_conv1 block5_conv4 block5_pool", "", "block5_conv4", 512),
    "DenseNet121": ("conv1_conv conv5_block16_concat relu", "conv4_block25_concat", "conv5_block16_2_conv", 32),
    "EfficientNetV2B0": ("stem_conv top_activation", "block6i_project_conv", "block6h_project_conv", 192),
}
_OF_ANY_WIDTH = ("MobileNetV2", "MobileNet")


def backbone_of(model: Any) -> tuple[str | None, float]:
    """Which backbone a flat network holds, and its width, told by names and shapes; None, 1.0 for any other.

    A fine-tune can start from such a network: names are those of keras.applications, ResNet18's those of a recipe.
    """
    filters = {layer.name: getattr(layer, "filters", 0) for layer in model.layers}
    for backbone, (present, absent, name, width) in _LANDMARKS.items():
        if filters.keys() >= set(present.split()) and not filters.keys() & set(absent.split()):
            alpha = filters.get(name, 0) / width
            if alpha == 1 or (alpha and backbone in _OF_ANY_WIDTH):
                return backbone, alpha
    return None, 1.0
