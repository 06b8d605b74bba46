"""The U-Net of the embedded model's denoiser, without its motion, in the layout of diffusers: the folder `unet`."""

from signvip_denoisers.animatediff import Denoiser
from signvip_denoisers.animatediff.unets import build_unet, is_motion

from signvip.generate import embedded_run

denoiser = Denoiser.from_pretrained(embedded_run() / "denoiser").float()
unet = build_unet(denoiser.config)
unet.load_state_dict(
    {name: value for name, value in denoiser.unet.state_dict().items() if not is_motion(name)}
)
unet.save_pretrained("unet")
