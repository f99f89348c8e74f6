"""Titles and explanations of the settings of a training, in the words of the field."""

from __future__ import annotations

from collections.abc import Mapping

#: by path or by name: what stands beside the field, and what it does
WORDS: Mapping[str, tuple[str, str]] = {
    "steps": ("steps", "How many times the weights are changed."),
    "epochs": ("epochs", "How many times every image was seen: steps × patches a step ÷ (images × patches an image)."),
    "patches": ("patches an image", "How many patches of an image count as having seen it once."),
    "lr_patch": ("patch side [LR px]", "Side of the squares that are learnt from, in low-resolution pixels."),
    "batch_size": ("patches a step", "How many squares each step learns from (batch size)."),
    "rotate": ("quarter turns", "Also learns from squares turned by 90°, 180° and 270°."),
    "flip": ("flips", "Also learns from squares mirrored left-right and up-down."),
    "rounded": ("rounded to 8 bit", "Share of the low-resolution squares that are rounded as 8-bit images are."),
    "seed": ("seed", "The same number draws the same squares in the same order."),
    "optimizer": ("optimiser", "How steps are made of gradients."),
    "learning_rate": (
        "learning rate",
        "Length of a step. Too long: the loss jumps or blows up; too short: it hardly falls.",
    ),
    "schedule": ("schedule", "How the learning rate changes over the run."),
    "betas.0": ("β₁", "Memory of the optimiser for gradients: 0.9 remembers about ten steps."),
    "betas.1": ("β₂", "Memory of the optimiser for squared gradients: 0.999 remembers about a thousand steps."),
    "ema": ("mean of weights", "The model is a running mean of the weights with this memory; 0: the weights."),
    "precision": ("precision", "What is computed in; 16 bit is faster where the device is made for it."),
    "validation_share": (
        "share of images",
        "Share of the images that is kept aside and never trained on; of a single image at least a fifth.",
    ),
    "validate_every": ("measured every [steps]", "Steps from one measurement on the images kept aside to the next."),
    "monitor": ("judged by", "By what a measurement is better than another; the best weights are kept."),
    "patience": ("end early after", "Ends after so many measurements without a better one; 0: never."),
    "network": ("network", "The network that is trained."),
    "num_features": ("features", "Maps that each layer computes: more of them learn more, and take longer."),
    "num_blocks": ("blocks", "Depth of the network (of each group, if it has groups)."),
    "num_groups": ("groups", "Groups of blocks, one after another."),
    "reduction": ("attention reduction", "By how much the attention over channels is narrowed; divides the features."),
    "growth": ("growth", "Maps that each layer of a dense block adds."),
    "head": ("output", "Last function: linear keeps every value; tanh and sigmoid have limits."),
    "skip": ("linear path", "What the network adds its detail to."),
    "kernel_size": ("linear path [px]", "Side of the linear filter's kernel, an odd number of low-resolution pixels."),
    "intensity.kind": ("scaled by", "How images are brought to the network's range of values."),
    "low": ("from", "Value or percentile that becomes the lower end."),
    "high": ("to", "Value or percentile that becomes the upper end."),
    "lower": ("lower end", "Where the network sees the first of them."),
    "upper": ("upper end", "Where the network sees the second of them."),
    "offset": ("offset", "Added before the logarithm, so that 0 has one."),
    "loss": ("loss", "What the training makes small."),
    "further": ("further loss", "A second loss that is added with a weight."),
    "further_weight": ("its weight", "How much the further loss counts."),
    "loss_options.weight": ("share of SSIM", "How much structural similarity counts beside the squared error."),
    "epsilon": ("rounding (ε)", "Below this, the loss is squared; above, absolute."),
    "layer": ("layer of VGG19", "Which features are compared: deep ones see structures, early ones edges."),
    "weights": ("file of VGG19", "Weights of VGG19; fetched once if this is empty."),
    "adversarial.loss": ("adversarial loss", "How generator and critic are set against each other."),
    "adversarial.critic": ("critic", "The network that tells generated images from real ones."),
    "critic_learning_rate": ("critic's learning rate", "Length of a step of the critic."),
    "n_generator": ("generator's steps in a row", "Steps of the generator before it is the critic's turn again."),
    "n_critic": ("critic's steps to one", "Steps of the critic to one of the generator."),
    "gradient_penalty": ("gradient penalty (λ)", "How strongly the critic is kept smooth (λ of the paper)."),
    "clip": ("critic's weights up to", "Cuts the critic's weights to this size, as the first WGAN did; 0: not at all."),
    "after_activation": ("after activation", "Compares features as SRGAN does; otherwise before it, as ESRGAN does."),
    "distance": ("compared by", "Absolute (l1) or squared (l2) differences of features."),
    "adversarial.weight": ("weight of the critic", "How much the critic counts beside the other losses."),
    "pixel_weight": ("weight of the truth (γ)", "How much the truth counts beside the critic."),
    "pixel_steps": ("steps without critic", "Steps before the critic joins in."),
}

#: how images can be brought to the network's range
INTENSITIES: Mapping[str, str] = {
    "percentile": "percentiles of the image", "range": "least and largest value", "fixed": "given values",
    "log": "logarithm (densities)", "identity": "nothing",
}  # fmt: skip

#: by what validations can be judged
MONITOR_TITLES: Mapping[str, str] = {"psnr": "PSNR", "loss": "the loss"}

#: of VGG19, that can be compared
LAYERS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
