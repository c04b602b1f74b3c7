"""What the platform keeps in a domain's definition, in a name space of its own."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

NAMESPACE = "https://scloudstack.org/xmlns/vm/1"
PREFIX = "scloud"
TAG = f"{{{NAMESPACE}}}vm"


@dataclass(frozen=True, slots=True)
class VmMetadata:
    """`generation` of the spec the domain was defined from, number of its last `boot`, digest of its seed."""

    generation: int = 0
    boot: int = 0
    seed: str = ""


def element(metadata: VmMetadata) -> ET.Element:
    """Return the metadata as an element for a domain's <metadata>."""
    ET.register_namespace(PREFIX, NAMESPACE)
    attributes = {"generation": str(metadata.generation), "boot": str(metadata.boot), "seed": metadata.seed}
    return ET.Element(TAG, attributes)


def plain_element(metadata: VmMetadata) -> str:
    """Return the metadata without its name space, the way virDomainSetMetadata wants it."""
    node = element(metadata)
    node.tag = "vm"
    return ET.tostring(node, encoding="unicode")


def parse(text: str) -> VmMetadata:
    """Return what `virDomainGetMetadata` answered; foreign text counts as none."""
    try:
        node = ET.fromstring(text)
        return VmMetadata(
            generation=int(node.get("generation", "0")),
            boot=int(node.get("boot", "0")),
            seed=node.get("seed", ""),
        )
    except (ET.ParseError, ValueError):
        return VmMetadata()
