"""What tenants read of causes and steps: no host, address, path or program, and what they can do.

By the code of an error, and by the template of a step. What is not listed gets the general text, so that a new cause
shows nothing of the inside of the platform by mistake; `tests/lifecycle/test_tenant_causes.py` names what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True)
class TenantText:
    """What happened, with the values named in it, and what to do next. `guest_paths`: values that may hold a path."""

    message: str
    hint: str = ""
    guest_paths: tuple[str, ...] = ()


_WAIT = _("The platform retries automatically.")
_ASK = _("Retry later. If it fails again, contact your administrator and give the task’s ID.")

GENERAL_CAUSE = TenantText(_("The platform had an error. Your administrator has been notified."), _ASK)
_NETWORK = TenantText(_("The network is not responding. Your administrator has been notified."), _ASK)
_NETWORK_CHANGE = TenantText(_("The network refused the change. Your administrator has been notified."), _ASK)
_HOST = TenantText(_("The host is not responding. Your administrator has been notified."), _ASK)
_HOST_BUSY = TenantText(_("The host is busy."), _WAIT)
_STORAGE = TenantText(_("The storage is not responding. Your administrator has been notified."), _ASK)
_DISK = TenantText(_("The disk is not available. Your administrator has been notified."), _ASK)
_IMAGE = TenantText(_("The image file cannot be read. Your administrator has been notified."), _ASK)
_VM_OFF = TenantText(_("The VM is not running."), _("Start the VM."))

#: Errors whose own text is about the tenant's file alone. Tenants read it too, unless there is a path in it.
OWN_TEXT = frozenset({"volumes.image_invalid"})

#: Code of an error → what tenants read.
CAUSES: dict[str, TenantText] = {
    **dict.fromkeys(
        ("host.marked_off", "vm.source_failed", "vm.target_failed"),
        TenantText(_("The host has failed. Its VMs are recovered."), _WAIT),
    ),
    **dict.fromkeys(("fabric.unreachable", "fabric.busy"), _NETWORK),
    **dict.fromkeys(
        (
            "fabric.refused",
            "fabric.invalid",
            "fabric.vpc_missing",
            "fabric.subnet_missing",
            "fabric.ipv6_missing",
            "fabric.security_group_missing",
            "fabric.address_in_use",
            "fabric.vni_in_use",
            "fabric.edge_missing",
            "fabric.edge_in_use",
            "fabric.provider_network_missing",
            "fabric.provider_network_in_use",
            "fabric.port_missing",
            "fabric.vlan_in_use",
            "fabric.uplink_in_use",
            "hypervisor.bad_addresses",
            "hypervisor.no_physical_network",
            "hypervisor.probe_failed",
        ),
        _NETWORK_CHANGE,
    ),
    "fabric.vpc_in_use": TenantText(_("The VPC still has subnets."), _("Delete its subnets first.")),
    "fabric.subnet_in_use": TenantText(_("The subnet still has ports."), _("Delete the VMs in it first.")),
    "fabric.security_group_in_use": TenantText(
        _("The security group is still in use."), _("Detach it from all VMs first.")
    ),
    **dict.fromkeys(
        (
            "host.other_driver",
            "hypervisor.already_here",
            "hypervisor.cpu_lacks",
            "hypervisor.migration_cancelled",
            "hypervisor.migration_failed",
            "vm.migration_given_up",
            "vm.migration_too_slow",
            "vm.migrations_waiting",
        ),
        TenantText(_("The VM could not be moved to another host. It keeps running."), _ASK),
    ),
    **dict.fromkeys(
        ("vm.on_two_hosts", "vm.waits_for_migration"),
        TenantText(_("The VM’s host is being determined. Your administrator has been notified."), _ASK),
    ),
    **dict.fromkeys(("host.unreachable", "hypervisor.unreachable"), _HOST),
    "hypervisor.slow": _HOST_BUSY,
    "hypervisor.guest_agent_silent": TenantText(
        _("The guest agent in the VM does not answer."),
        _("Check that the guest agent runs in the VM, then retry."),
    ),
    **dict.fromkeys(
        ("vm.no_guest_agent", "hypervisor.no_guest_agent"),
        TenantText(
            _("The VM has no running guest agent."),
            _(
                "Wait until the guest has started, then retry. If it has no guest agent, install "
                "qemu-guest-agent in it."
            ),
        ),
    ),
    "hypervisor.password_refused": TenantText(
        _("The guest refused the new password of %(user)s."),
        _("Check that the user exists and that the guest agent may set passwords."),
    ),
    **dict.fromkeys(("host.busy", "host.restarted", "host.still_working"), _HOST_BUSY),
    **dict.fromkeys(
        (
            "volumes.pool_unavailable",
            "volumes.ceph_unreachable",
            "volumes.ceph_busy",
            "volumes.not_connected",
            "volumes.key_missing",
            "volumes.ceph_refused",
            "volumes.pool_missing",
            "volumes.pool_forbidden",
            "volumes.implausible",
            "volumes.shut_out",
        ),
        _STORAGE,
    ),
    **dict.fromkeys(
        ("volumes.no_space", "volumes.pool_full"),
        TenantText(_("The storage is full. Your administrator has been notified."), _ASK),
    ),
    **dict.fromkeys(
        (
            "volumes.volume_missing",
            "volumes.incomplete",
            "volumes.has_children",
            "volumes.volume_changed",
            "volumes.volume_in_use",
            "hypervisor.volume_missing",
            "hypervisor.volume_in_use",
        ),
        _DISK,
    ),
    **dict.fromkeys(
        ("volumes.source_refused", "volumes.source_changed", "image.implausible"),
        _IMAGE,
    ),
    "volumes.pool_unresponsive": _STORAGE,
    "disk.mounted": TenantText(
        _("The guest has mounted the disk at %(mounts)s."),
        _("Unmount it in the guest first. Or force detach: data that is not written yet is lost."),
        guest_paths=("mounts",),
    ),
    "disk.not_released": TenantText(
        _("The guest did not release the disk. It is still attached."),
        _("Wait until the guest has started, then retry. Or shut down the VM first."),
    ),
    "disk.gone": TenantText(_("The disk no longer exists.")),
    "disk.not_there": TenantText(_("The VM does not have the disk yet."), _WAIT),
    "disk.not_grown": TenantText(_("The guest does not see the new size yet."), _WAIT),
    "snapshot.not_one_instant": TenantText(_("The guest went on before all disks had a snapshot."), _WAIT),
    "volumes.snapshot_missing": TenantText(
        _("The snapshot is not available. Your administrator has been notified."), _ASK
    ),
    "image.checksum_mismatch": TenantText(
        _("The SHA-256 checksum of the file is %(found)s. Expected: %(expected)s."),
        _("Upload the file again, or correct the checksum."),
    ),
    "image.download_failed": TenantText(
        _("The image could not be downloaded."), _("Check the address, then retry.")
    ),
    "image.download_refused": TenantText(
        _("The image may not be downloaded from this address."),
        _("Ask the administrator to allow this source. Or upload the file."),
    ),
    "image.upload_gone": TenantText(
        _("The uploaded file no longer exists."), _("Delete this image, then upload the file again.")
    ),
    "image.not_copied": TenantText(
        _("Image %(image)s could not be copied to %(cluster)s."), _("Retry to copy the image again.")
    ),
    "image.still_copied": TenantText(
        _("The image is still being copied."), _("Wait until the copy has stopped, then retry.")
    ),
    **dict.fromkeys(
        ("image.no_export_space", "image.export_changed", "volumes.export_lost"),
        TenantText(_("The administrator’s download of the image could not be prepared."), _WAIT),
    ),
    "image.source_gone": TenantText(
        _("What the image is created from no longer exists."),
        _("Delete the image and create it from another source."),
    ),
    "volumes.image_missing": TenantText(
        _("The image is not available. Your administrator has been notified."), _ASK
    ),
    "volumes.delivery_lost": TenantText(_("The upload of the image to the storage was interrupted."), _WAIT),
    "volumes.source_missing": TenantText(_("The image file cannot be read."), _("Upload the image again.")),
    "volumes.image_invalid": TenantText(
        _("The image was rejected."),
        _("Upload a self-contained qcow2, raw, VMDK, VHD, VHDX or VDI image."),
    ),
    "volumes.image_too_large": TenantText(
        _("The image’s disk is %(size)s MiB, over the limit of %(limit)s MiB."),
        _("Shrink the disk before you upload the image."),
    ),
    "volumes.image_in_use": TenantText(
        _("Disks still depend on this image."), _("Delete the VMs and disks that use the image first.")
    ),
    **dict.fromkeys(("hypervisor.vm_off", "console.vm_off"), _VM_OFF),
    "vm.still_paused": TenantText(
        _("The VM is still paused because the cause remains."),
        _(
            "The VM resumes automatically when the cause is resolved. You can also restart it or power it off."
        ),
    ),
    "vm.paused": TenantText(
        _("The guest is paused and cannot shut down."), _("Restart or power off the VM.")
    ),
    "vm.not_off": TenantText(
        _("The VM is running. It cannot move to another host."), _("Stop the VM, then resize it.")
    ),
    "vm.disk_out_of_reach": TenantText(
        _("The VM cannot move to a host with more room. Your administrator has been notified."), _ASK
    ),
    "hypervisor.no_head_room": TenantText(
        _("The VM cannot grow so far while it runs."), _("Restart the VM to apply the new size.")
    ),
    "vm.guest_ignored_shutdown": TenantText(
        _("The guest did not shut down in time."), _("Shut down from inside the guest, or power off the VM.")
    ),
    "address.conflict": TenantText(
        _("Another machine already answers at the address."),
        _("Delete this resource and create it with another address."),
    ),
    "segment.conflicts": TenantText(
        _("Other machines answer at many addresses of the segment. Your administrator has been notified."),
        _ASK,
    ),
    "segment.busy": TenantText(_("Other tasks on the segment’s addresses did not finish in time."), _WAIT),
    "edge.full": TenantText(
        _("No more VPCs of this region can have addresses by one-to-one NAT."),
        _("Choose the delivery “In the guest”."),
    ),
    "eni.not_there": TenantText(_("The VM does not have the elastic NIC yet."), _WAIT),
    "hypervisor.nic_slot_taken": TenantText(
        _("The guest has not released the NIC that was in this slot."),
        _("The platform retries automatically. If this continues, restart the VM."),
    ),
    "eip.pending": TenantText(_("Waiting for the EIP to be created."), _WAIT),
    "vpc.pending": TenantText(_("Waiting for the VPC to be created."), _WAIT),
    "vpc.failed": TenantText(
        _("The VPC could not be created."), _("Retry the VPC first, then retry this subnet.")
    ),
    "operation.no_turn": TenantText(
        _("An earlier task did not finish in time."), _("Wait until it has finished, then retry.")
    ),
    "operation.deadline": TenantText(_("The task did not finish in time."), _ASK),
    "operation.cancelled": TenantText(_("The task was cancelled."), _("Retry the task to finish it.")),
    "database.unreachable": TenantText(_("The platform was busy."), _WAIT),
    **dict.fromkeys(
        (
            "agent.failed",
            "agent.late_order",
            "agent.stale_order",
            "agent.unknown_verb",
            "broker.unreachable",
            "console.foreign_address",
            "driver.bad_id",
            "driver.failed",
            "driver.tool_missing",
            "driver.tool_timeout",
            "host.architecture",
            "host.broken_answer",
            "host.broken_seal",
            "hypervisor.bad_password",
            "hypervisor.failed",
            "hypervisor.guest_network_invalid",
            "hypervisor.nic_not_guarded",
            "hypervisor.no_firmware",
            "hypervisor.limits_not_set",
            "volumes.unknown_driver",
            "hypervisor.no_console",
            "hypervisor.no_kvm",
            "hypervisor.no_screenshot",
            "hypervisor.vm_missing",
            "memory.lock_lost",
            "memory.locked",
            "platform.bug",
            "reconciliation.changed",
            "reconciliation.doubled",
            "reconciliation.running",
            "volumes.failed",
            "volumes.not_plain",
            "volumes.overtaken",
        ),
        GENERAL_CAUSE,
    ),
}

#: Template of a step → what tenants read.
STEPS: dict[str, str] = {
    "Fencing its disks from %(host)s": _("Fencing the disks"),
    "Powering off %(host)s by its management controller": _("Powering off the failed host"),
    "Shutting %(host)s out of its storage": _("Shutting the failed host out of its storage"),
    "Admitting %(host)s to its storage": _("Admitting the host to its storage"),
    "Removing moved VMs from %(host)s": _("Removing moved VMs"),
    "Starting on %(host)s": _("Starting"),
    "Powering off on %(host)s": _("Powering off"),
    "Resuming on %(host)s": _("Resuming"),
    "Removing cloud-init data on %(host)s": _("Removing cloud-init data"),
    "Removing from %(host)s": _("Removing from the host"),
    "Creating the system disk on %(host)s": _("Creating the system disk"),
    "Defining the VM on %(host)s": _("Defining the VM"),
    "Setting the power state on %(host)s": _("Setting the power state"),
    "Looking for the VM on %(host)s": _("Checking the host"),
    "Host %(host)s is unreachable. The VM’s data stays on this host.": _("The host is not responding."),
    "Moving to %(host)s": _("Moving to another host"),
    "Attaching on %(host)s": _("Attaching"),
    "Migrating %(vm)s from %(source)s to %(host)s": _("Migrating"),
    "Preparing %(host)s": _("Preparing"),
    "Copying memory to %(host)s": _("Copying memory"),
    (
        "Copying memory to %(host)s: %(left)s of %(total)s MiB left, %(speed)s MiB/s, "
        "expected downtime %(downtime)s ms, guest slowed by %(slowed)s%%"
    ): _("Copying memory: %(left)s of %(total)s MiB left"),
    "Attaching the NIC on %(host)s": _("Attaching the NIC"),
    "Another machine answers at %(address)s (%(mac)s).": _("Another machine answers at %(address)s."),
    "Connecting VLAN %(vlan)s": _("Connecting to the network"),
    "Updating the hosts of the edge": _("Connecting to the network"),
    "Host %(host)s is unreachable. The VM there keeps the NIC without a connection.": _(
        "The host is not responding. The VM there keeps the NIC without a connection."
    ),
    "Host %(host)s is unreachable. The guest of %(name)s is not configured.": _(
        "The host is not responding. The guest is not configured."
    ),
    "Host %(host)s is unreachable. The disk stays attached there.": _("The host is not responding."),
    "Not cleaned up: %(error)s": _("Some parts could not be removed. Your administrator has been notified."),
    "The guest is paused and cannot shut down.": _("The guest is paused and cannot shut down."),
    "The guest did not shut down within %(seconds)s seconds.": _("The guest did not shut down in time."),
    **{
        same: same
        for same in (
            "Applying %(count)s rules",
            "Waiting for other migrations",
            "Applying to %(name)s",
            "Applying to the network",
            "Changing the routes of %(count)s addresses",
            "Checking that nothing answers at %(address)s",
            "Configuring the guest",
            "EIP %(name)s could not be created. The VM is created without it.",
            "Preparing %(name)s",
            "The EIP is not bound there any more. Nothing was changed.",
            "The elastic NIC is no longer assigned to this VM. Nothing was changed.",
            "The elastic NIC is not bound to this VM any more. Nothing was changed.",
            "Updating the port",
            "Waiting for EIP %(name)s",
            "Waiting for other tasks on some of the addresses",
            "Waiting for the guest of %(name)s to release the NIC",
            "Asking the guest what is mounted",
            "Copying the data",
            "Creating the data disks",
            "Creating the disk",
            "Expanding the disk",
            "Removing disk %(disk)s",
            "Removing the disk",
            "Removing the snapshot",
            "Resizing the disk",
            "Rolling back to %(snapshot)s",
            "Setting the limits",
            "Setting the password of %(user)s",
            "Taking a snapshot",
            "Taking a snapshot of %(disk)s",
            "Taking snapshots of %(count)s disks",
            "The disk is not attached to this VM any more. Nothing was changed.",
            "Waiting for the guest to release the disk",
            "Requesting a guest shutdown",
            "Resizing",
            "Adding vCPUs and memory",
            "The VM is running. It gets the new size at its next restart.",
            "Applying the security group to %(ip)s",
            "Replacing the system disk",
            "Resizing the disks",
            "Checking and copying the image",
            "Downloading the image",
            "Checking the SHA-256 checksum",
            "Sending the file to the storage",
            "Preparing the image file",
            "Fetching the image file",
            "Copying image %(image)s to %(cluster)s",
            "Copying the image to %(cluster)s",
            "Copying image %(image)s",
            "Copying the system disk",
            "Removing the copy in %(cluster)s",
            "Waiting for copies of the image to stop",
            "Connecting to the network",
            "Creating the network",
            "Creating the subnet",
            "Removing from the network",
            "Force cleaning",
            "Removing from the network",
            "Removing the image",
            "Removing the system disk",
            "Removing unfinished files",
            "Waiting for a host to copy the image",
            "Waiting for an earlier task",
        )
    },
}
GENERAL_STEP = _("Working")
