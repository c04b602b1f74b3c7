from apps.lifecycle.models.batch import Batch, BatchItem, BatchOutcome
from apps.lifecycle.models.event import Event
from apps.lifecycle.models.idempotent_request import IdempotentRequest
from apps.lifecycle.models.loading import Loaded
from apps.lifecycle.models.operation import Operation, OperationLock, OperationStatus
from apps.lifecycle.models.resource import Kind, Resource, State

__all__ = [
    "Batch",
    "BatchItem",
    "BatchOutcome",
    "Event",
    "IdempotentRequest",
    "Kind",
    "Loaded",
    "Operation",
    "OperationLock",
    "OperationStatus",
    "Resource",
    "State",
]
