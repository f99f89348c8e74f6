"""What published files call the weights of our networks."""

import re

#: ours for each of theirs; a number in <> is less one
RULES = {
    "Compact": [
        (r"body\.0\.(.*)", r"first.\1"),
        (r"body\.LAST\.(.*)", r"last.conv.\1"),
        (r"body\.(\d+)\.(.*)", r"body.<\1>.\2"),
    ],
    "RCAN": [
        (r"head\.0\.(.*)", r"first.\1"),
        (r"body\.(\d+)\.body\.(\d+)\.body\.0\.(.*)", r"groups.\1.blocks.\2.conv1.\3"),
        (r"body\.(\d+)\.body\.(\d+)\.body\.2\.(.*)", r"groups.\1.blocks.\2.conv2.\3"),
        (r"body\.(\d+)\.body\.(\d+)\.body\.3\.conv_du\.0\.(.*)", r"groups.\1.blocks.\2.attention.down.\3"),
        (r"body\.(\d+)\.body\.(\d+)\.body\.3\.conv_du\.2\.(.*)", r"groups.\1.blocks.\2.attention.up.\3"),
        (r"body\.(\d+)\.body\.\d+\.(.*)", r"groups.\1.conv.\2"),
        (r"body\.\d+\.(.*)", r"after.\1"),
        (r"tail\.0\.(.*)", r"upsample.\1"),
        (r"tail\.1\.(.*)", r"last.conv.\1"),
        (r"(sub|add)_mean.*", ""),
    ],
    "EDSR": [
        (r"head\.(.*)", r"first.\1"),
        (r"body\.(\d+)\.body\.0\.(.*)", r"blocks.\1.conv1.\2"),
        (r"body\.(\d+)\.body\.2\.(.*)", r"blocks.\1.conv2.\2"),
        (r"body\.\d+\.(.*)", r"after.\1"),
        (r"tail\.0\.(.*)", r"upsample.\1"),
        (r"tail\.1\.(.*)", r"last.conv.\1"),
        (r"(sub|add)_mean.*", ""),
    ],
    # old names, those of BSRGAN, and Real-ESRGAN's
    "ESRGAN": [
        (r"(?:model\.0|conv_first)\.(.*)", r"first.\1"),
        (
            r"(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)(\d)\.conv1x1\.(.*)",
            r"blocks.\1.blocks.<\2>.shortcut.\3",
        ),
        (
            r"(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)(\d)\.conv(\d)\.(?:0\.)?(\w+)",
            r"blocks.\1.blocks.<\2>.convs.<\3>.\4",
        ),
        (r"(?:model\.1\.sub\.\d+|trunk_conv|conv_body)\.(\w+)", r"after.\1"),
        (r"(?:upconv|conv_up)(\d)\.(.*)", r"upsample.<\1>.\2"),
        (r"model\.LAST\.(.*)|conv_last\.(.*)", r"last.conv.\1\2"),
        (r"model\.FINE\.(.*)|(?:HRconv|conv_hr)\.(.*)", r"fine.\1\2"),
        (r"model\.3\.(.*)", r"upsample.0.\1"),
        (r"model\.6\.(.*)", r"upsample.1.\1"),
        (r"model\.9\.(.*)", r"upsample.2.\1"),
    ],
    "SwinIR": [
        (r".*\.(attn_mask|relative_position_index)", ""),
        (r"conv_first\.(.*)", r"first.\1"),
        (r"patch_embed\.norm\.(.*)", r"norm1.\1"),
        (
            r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.attn\.relative_position_bias_table",
            r"blocks.\1.layers.\2.attention.position_bias",
        ),
        (r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.attn\.proj\.(.*)", r"blocks.\1.layers.\2.attention.out.\3"),
        (r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.attn\.(.*)", r"blocks.\1.layers.\2.attention.\3"),
        (r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.mlp\.fc1\.(.*)", r"blocks.\1.layers.\2.mlp.0.\3"),
        (r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.mlp\.fc2\.(.*)", r"blocks.\1.layers.\2.mlp.2.\3"),
        (r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\.(.*)", r"blocks.\1.layers.\2.\3"),
        (r"layers\.(\d+)\.conv\.(.*)", r"blocks.\1.conv.\2"),
        (r"norm\.(.*)", r"norm2.\1"),
        (r"conv_after_body\.(.*)", r"after.\1"),
        (r"conv_before_upsample\.(.*)", r"before.\1"),
        (r"conv_up(\d)\.(.*)", r"upsample.<\1>.\2"),
        (r"conv_hr\.(.*)", r"fine.\1"),
        (r"conv_last\.(.*)", r"last.conv.\1"),
        (r"upsample\.DIRECT\.(.*)", r"last.conv.\1"),
        (r"upsample\.(.*)", r"upsample.\1"),
    ],
}  # fmt: skip


def renamed(state, rules, **places):
    """Return their weights under our names."""
    ours = {}
    for key, value in state.items():
        for pattern, new in rules:
            for place, number in places.items():
                pattern = pattern.replace(place, str(number))
            if (match := re.fullmatch(pattern, key)) is not None:
                name = re.sub(r"<(\d+)>", lambda m: str(int(m[1]) - 1), match.expand(new))
                if name:
                    assert name not in ours, name
                    ours[name] = value
                break
        else:
            raise AssertionError(f"no rule for {key}")
    return ours
