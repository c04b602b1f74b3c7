from apps.lifecycle.modules import load_modules
from apps.storage.models.disk import Disk
from apps.storage.models.snapshot import Consistency, Snapshot

__all__ = ["Consistency", "Disk", "Snapshot"]

# A model of a module that is not named above is imported from that module.
load_modules(__name__)
