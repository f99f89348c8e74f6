"""The same numbers as spandrel's implementations, from the same weights, on the CPU in single precision."""

import importlib

import pytest
import torch
from published_names import RULES, renamed
from torch import nn

from napari_sr.networks import create_network

COLOUR = {"in_channels": 3, "out_channels": 3}


def architecture(spandrel, module, name):
    return getattr(importlib.import_module(f"{spandrel.__name__}.architectures.{module}"), name)


def shaken(network, size=0.08):
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "mean" not in name:
                parameter.add_(size * torch.randn_like(parameter))
    return network.eval()


def agree(ours, theirs, state, sizes=((13, 21), (16, 8))):
    """Compare with the same weights: at most 1e-5 of the largest value apart."""
    ours.load_state_dict(state)
    ours.eval()
    torch.manual_seed(1)
    for size in sizes:
        lr = torch.rand(2, ours.in_channels, *size)
        with torch.inference_mode():
            expected, found = theirs(lr.clone()), ours(lr)
        assert expected.std() > 0.01  # of an image of nothing, all would be equal
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_srvgg(spandrel, scale, channels):
    theirs = shaken(
        architecture(spandrel, "Compact", "Compact")(
            num_in_ch=channels, num_out_ch=channels, num_feat=12, num_conv=3, upscale=scale
        )
    )
    ours = create_network(
        "srvgg", scale=scale, in_channels=channels, out_channels=channels, num_features=12, num_blocks=3
    )
    agree(ours, theirs, renamed(theirs.state_dict(), RULES["Compact"], LAST=8))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("norm", [True, False])
def test_rcan(spandrel, scale, norm):
    theirs = shaken(
        architecture(spandrel, "RCAN", "RCAN")(
            scale=scale, n_resgroups=2, n_resblocks=2, n_feats=12, n_colors=3, reduction=4, norm=norm
        )
    )
    values = {"mean": "div2k", "value_range": 255.0} if norm else {}
    ours = create_network(
        "rcan", scale=scale, **COLOUR, num_groups=2, num_blocks=2, num_features=12, reduction=4, **values
    )
    agree(ours, theirs, renamed(theirs.state_dict(), RULES["RCAN"]))


class EDSR(nn.Module):
    """EDSR as its authors write it, of the parts that RCAN's code has from it."""

    def __init__(self, parts, *, scale, features, blocks, res_scale):
        super().__init__()
        conv = parts.default_conv
        mean = (0.4488, 0.4371, 0.4040)
        self.sub_mean = parts.MeanShift(255, mean, (1.0, 1.0, 1.0))
        self.add_mean = parts.MeanShift(255, mean, (1.0, 1.0, 1.0), 1)
        self.head = conv(3, features, 3)
        block = [parts.ResBlock(conv, features, 3, res_scale=res_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*block, conv(features, features, 3))
        self.tail = nn.Sequential(parts.Upsampler(conv, scale, features), conv(features, 3, 3))

    def forward(self, x):
        x = self.head(self.sub_mean(255 * x))
        return self.add_mean(self.tail(x + self.body(x))) / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_edsr(spandrel, scale):
    parts = importlib.import_module("spandrel.architectures.RCAN.__arch.rcan_arch")
    theirs = shaken(EDSR(parts, scale=scale, features=12, blocks=3, res_scale=0.1))
    ours = create_network(
        "edsr", scale=scale, **COLOUR, num_features=12, num_blocks=3, res_scale=0.1, mean="div2k", value_range=255.0
    )
    agree(ours, theirs, renamed(theirs.state_dict(), RULES["EDSR"]))


def esrgan(spandrel, scale, **settings):
    settings = {"in_nc": 3, "out_nc": 3, "num_filters": 12, "num_blocks": 2, "scale": scale, **settings}
    return shaken(architecture(spandrel, "ESRGAN", "ESRGAN")(**settings), 0.06)


def old_names(theirs, scale):
    """Of the sequence of layers, those after the upsampling have other numbers at each scale."""
    steps = {2: 1, 3: 1, 4: 2, 8: 3}[scale]
    return renamed(theirs.state_dict(), RULES["ESRGAN"], LAST=3 * steps + 4, FINE=3 * steps + 2)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_rrdb_by_its_old_names(spandrel, scale, channels):
    theirs = esrgan(spandrel, scale, in_nc=channels, out_nc=channels)
    ours = create_network(
        "rrdb", scale=scale, in_channels=channels, out_channels=channels, num_features=12, num_blocks=2
    )
    agree(ours, theirs, old_names(theirs, scale))


@pytest.mark.parametrize(
    ("first", "block", "dense", "after", "up", "fine"),
    [
        ("conv_first", "body", "rdb", "conv_body", "conv_up", "conv_hr"),
        ("conv_first", "RRDB_trunk", "RDB", "trunk_conv", "upconv", "HRconv"),
    ],
)
def test_rrdb_by_its_new_names(spandrel, first, block, dense, after, up, fine):
    """spandrel translates a file of new names; we read the same file."""
    ours = create_network("rrdb", scale=4, **COLOUR, num_features=12, num_blocks=2)
    torch.manual_seed(2)
    new = {}
    for key, value in ours.state_dict().items():
        if "first" not in key:  # as initialised, times 0.1, nothing would come through
            value = value + 0.05 * torch.randn_like(value)
        head, *rest = key.split(".")
        if head == "blocks":
            number, _, inner, _, layer, kind = rest
            name = f"{block}.{number}.{dense}{int(inner) + 1}.conv{int(layer) + 1}.{kind}"
        elif head == "upsample":
            name = f"{up}{int(rest[0]) + 1}.{rest[1]}"
        else:
            name = {"first": first, "after": after, "fine": fine, "last": "conv_last"}[head] + "." + rest[-1]
        new[name] = value
    theirs = spandrel.ModelLoader().load_from_state_dict(dict(new)).model.eval()
    agree(ours, theirs, renamed(new, RULES["ESRGAN"]))


def test_rrdb_of_squares(spandrel):
    """Real-ESRGAN's x2 model: squares of 2 x 2 pixels become channels of a x4 network."""
    theirs = esrgan(spandrel, 4, in_nc=12, shuffle_factor=2)
    ours = create_network("rrdb", scale=2, **COLOUR, num_features=12, num_blocks=2, unshuffle=2)
    agree(ours, theirs, old_names(theirs, 4))
    assert ours.pools_tile


@pytest.mark.parametrize("scale", [2, 4])
def test_esrgan_plus(spandrel, scale):
    theirs = esrgan(spandrel, scale, plus=True)
    for noise in (False, True):
        ours = create_network("esrgan-plus", scale=scale, **COLOUR, num_features=12, num_blocks=2, noise=noise)
        kept = {k: v for k, v in ours.state_dict().items() if k.endswith("noise")}
        assert bool(kept) == noise
        agree(ours, theirs, old_names(theirs, scale) | kept)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # theirs
@pytest.mark.parametrize(
    ("upsampler", "scale"),
    [
        ("pixelshuffledirect", 2), ("pixelshuffledirect", 3), ("pixelshuffledirect", 4), ("pixelshuffle", 2),
        ("pixelshuffle", 3), ("pixelshuffle", 8), ("nearest+conv", 2), ("nearest+conv", 4), ("nearest+conv", 8),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_swinir(spandrel, upsampler, scale, channels):
    residual = "3conv" if upsampler == "nearest+conv" else "1conv"
    theirs = shaken(
        architecture(spandrel, "SwinIR", "SwinIR")(
            img_size=16, in_chans=channels, embed_dim=12, depths=[3, 2], num_heads=[3, 3], window_size=4, mlp_ratio=2,
            upscale=scale, upsampler=upsampler, resi_connection=residual,
        )
    )  # fmt: skip
    ours = create_network(
        "swinir", scale=scale, in_channels=channels, out_channels=channels, num_features=12, num_blocks=2, num_layers=3,
        num_heads=3, window_size=4, upsampler=upsampler, residual=residual, mean="div2k" if channels == 3 else "none",
    )  # fmt: skip
    del ours.blocks[1].layers[2]
    direct = "0" if upsampler == "pixelshuffledirect" else "none"
    agree(ours, theirs, renamed(theirs.state_dict(), RULES["SwinIR"], DIRECT=direct))
