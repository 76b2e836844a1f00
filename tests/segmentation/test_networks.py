import numpy as np
import pytest
import torch

from skcxr.segmentation.networks import NETWORKS, build_network, start_at_prior


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_map_an_image_to_logits_of_its_size(name):
    x = torch.rand(2, 1, 32, 48)
    with torch.inference_mode():
        out = build_network(name, width=4).eval()(x)
    assert out.shape == x.shape
    assert out.std() > 0


def test_unet_equals_monai_below_the_top_level():
    from monai.networks.nets import UNet

    ours = build_network("unet").eval()
    theirs = UNet(
        2, 1, 1, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2, act="relu", norm="batch"
    ).eval()
    x = torch.rand(2, 16, 32, 32)
    pairs = [
        (ours.inner, theirs.model[1].submodule, x),
        (ours.down, theirs.model[0], x[:, :1]),
    ]
    for our, their, given in pairs:
        values = their.state_dict().values()
        our.load_state_dict(dict(zip(our.state_dict(), values, strict=True)))
        with torch.inference_mode():
            torch.testing.assert_close(our(given), their(given))


def test_unknown_name():
    with pytest.raises(ValueError, match="attention_unet"):
        build_network("resnet")


def test_start_at_prior_predicts_the_share():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1))
    with torch.no_grad():
        network[0].weight.zero_()
    start_at_prior(network, 0.2)
    p = network(torch.rand(1, 1, 8, 8)).sigmoid()
    np.testing.assert_allclose(p.detach(), 0.2, rtol=1e-6)
