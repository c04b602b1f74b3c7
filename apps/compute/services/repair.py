"""What an administrator does to VMs and images whose rows and hosts differ."""

from __future__ import annotations

from apps.compute.verbs import IMAGE_FORCE_CLEAN, VM_FORCE_CLEAN, VM_RESYNC, VM_ROLL_BACK
from apps.reconciliation.acts import force_cleans, repairs

#: Values: `definition` (unless False), `disks`, `power` (if True).
resync_vm = repairs(VM_RESYNC)
#: Makes the row match what is there: the power, or with the id of a `host`, where the VM is.
roll_back_vm = repairs(VM_ROLL_BACK)
force_clean_vm = force_cleans(VM_FORCE_CLEAN)
force_clean_image = force_cleans(IMAGE_FORCE_CLEAN)
