"""Working in the environment as a person does: sign in, start a server, run code, stop it.

The real way is taken: the provider's own login form is filled in, whichever provider it is.
Afterwards a short-lived API token of that person is used, which is revoked at the end::

    with HubSession(settings) as session:
        session.sign_in("marie", password)
        session.start_server(progress=print)
        with session.kernel() as kernel:
            outputs = kernel.execute("1 + 1")
        session.stop_server()
"""

from boresight_hub.session.kernel import Kernel, KernelError
from boresight_hub.session.person import HubSession
from boresight_hub.session.websocket import KernelRoute

__all__ = ["HubSession", "Kernel", "KernelError", "KernelRoute"]
