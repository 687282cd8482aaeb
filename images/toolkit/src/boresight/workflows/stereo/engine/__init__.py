"""CARS, run in processes of its own: on paths and ``/vsi…`` names, knowing no service."""
