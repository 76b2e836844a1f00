"""Where a network looks: Grad-CAM, and its fusion with lung masks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "GradCAMFuser": "fuser",
        "find_fuser": "finding",
        "grad_cam": "gradcam",
        "head_grad_cam": "gradcam",
        "linear_grad_cam": "gradcam",
    },
)
