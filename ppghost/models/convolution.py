"""A convolution whose bias Paddle-Lite merges into it."""

import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from paddle.nn import functional


class Conv2D(nn.Conv2D):
    """Paddle's Conv2D; in static graph its bias is added as it is, along the channels.

    Paddle gives it four dimensions first, an operation that Paddle-Lite leaves in the model, and
    behind which it no longer sees that the sum is the convolution's bias.
    """

    def forward(self, x):
        """[N, in_channels, H, W] -> [N, out_channels, H', W']."""
        if paddle.in_dynamic_mode() or self.bias is None:
            return super().forward(x)
        x = functional.conv2d(
            x, self.weight, None, self._stride, self._padding, self._dilation, self._groups
        )
        helper = LayerHelper("conv_bias")
        out = helper.create_variable_for_type_inference(x.dtype)
        helper.append_op(
            type="elementwise_add",
            inputs={"X": [x], "Y": [self.bias]},
            outputs={"Out": [out]},
            attrs={"axis": 1},
        )
        return out
