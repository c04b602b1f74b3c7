from apps.compute.models.image import Image
from apps.compute.models.image_copy import ImageCopy
from apps.compute.models.instance_type import InstanceType
from apps.compute.models.key_pair import KeyPair
from apps.compute.models.vm import HaPriority, PauseReason, Power, Vm
from apps.lifecycle.modules import load_modules

__all__ = ["HaPriority", "Image", "ImageCopy", "InstanceType", "KeyPair", "PauseReason", "Power", "Vm"]

# A model of a module that is not named above is imported from that module.
load_modules(__name__)
