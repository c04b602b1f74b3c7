from apps.compute.models.image import Image
from apps.compute.models.instance_type import InstanceType
from apps.compute.models.key_pair import KeyPair
from apps.compute.models.vm import PauseReason, Power, Vm

__all__ = ["Image", "InstanceType", "KeyPair", "PauseReason", "Power", "Vm"]
