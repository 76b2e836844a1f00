"""Where a network looks: Grad-CAM, and its fusion with lung masks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "GradCAMFuser": "fuser",
        "attribution_maps": "attributions",
        "average_flipped": "postprocess",
        "class_maps": "maps",
        "faithfulness": "sanity",
        "find_fuser": "finding",
        "fuse_mask": "postprocess",
        "fuse_scales": "postprocess",
        "grad_cam": "maps",
        "head_cam": "cam",
        "head_grad_cam": "cam",
        "iter_class_maps": "maps",
        "linear_cam": "cam",
        "linear_grad_cam": "gradcam",
        "mirror_contrast": "postprocess",
        "randomization_check": "sanity",
        "resize_maps": "postprocess",
        "stage_cams": "cam",
        "subtract_mean_map": "postprocess",
    },
)
