"""What the platform keeps in a domain's definition, in a name space of its own."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

NAMESPACE = "https://scloudstack.org/xmlns/vm/1"
PREFIX = "scloud"
TAG = f"{{{NAMESPACE}}}vm"


@dataclass(frozen=True, slots=True)
class VmMetadata:
    """`generation` of the spec the domain was defined from, number of its last `boot`, digest of its seed.

    `secret`: the seed holds what only the guest may read. `network` is what the guest agent shall configure, as text.
    """

    generation: int = 0
    boot: int = 0
    seed: str = ""
    secret: bool = False
    network: str = ""


def element(metadata: VmMetadata) -> ET.Element:
    """Return the metadata as an element for a domain's <metadata>."""
    ET.register_namespace(PREFIX, NAMESPACE)
    attributes = {
        "generation": str(metadata.generation),
        "boot": str(metadata.boot),
        "seed": metadata.seed,
        "secret": str(int(metadata.secret)),
    }
    if metadata.network:
        attributes["network"] = metadata.network
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
            # A definition of before says nothing of it, and its seed holds all it ever did.
            secret=node.get("secret", "1") != "0",
            network=node.get("network", ""),
        )
    except (ET.ParseError, ValueError):
        return VmMetadata()
