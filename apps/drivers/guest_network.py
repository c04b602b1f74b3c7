"""What a user reads of a guest that does not have the network that it shall have."""

from apps.drivers.errors import mark as _
from apps.drivers.specs import GuestNetworkReason

#: Reason → cause and next step, to be translated where they are shown.
WORDS: dict[GuestNetworkReason, str] = {
    GuestNetworkReason.OFF: _("The VM is stopped. The guest is configured when the VM starts."),
    GuestNetworkReason.PAUSED: _("The VM is paused. The guest is configured when the VM resumes."),
    GuestNetworkReason.NO_AGENT: _(
        "No guest agent is connected. If the guest has booted, install qemu-guest-agent in it, or use "
        "one-to-one NAT."
    ),
    GuestNetworkReason.SILENT: _(
        "The guest agent does not answer. The platform retries automatically; check the guest agent in the VM."
    ),
    GuestNetworkReason.FORBIDDEN: _(
        "The guest agent does not permit guest-exec. Permit guest-exec in its configuration, or use "
        "one-to-one NAT."
    ),
    GuestNetworkReason.NO_TOOLS: _(
        "The guest has no /bin/sh or no ip command. Install iproute2 in it, or use one-to-one NAT."
    ),
    GuestNetworkReason.UNSUPPORTED: _(
        "The guest’s operating system is not supported. Set the addresses in the guest, or use one-to-one NAT."
    ),
    GuestNetworkReason.NO_NIC: _(
        "The guest does not see the NIC. The platform retries automatically; check the virtio driver in the VM."
    ),
    GuestNetworkReason.FAILED: _(
        "A network command failed in the guest. The platform retries automatically; check the guest’s network."
    ),
}
