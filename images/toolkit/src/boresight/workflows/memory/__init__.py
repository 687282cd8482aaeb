"""Memory: what a server may use and does, which variables take it, and why a kernel was ended."""

from boresight.workflows.memory.limits import Memory, OomCounter, memory_of_server
from boresight.workflows.memory.variables import Variable, biggest_variables

__all__ = ["Memory", "OomCounter", "Variable", "biggest_variables", "memory_of_server"]
