"""A wire between service and core that can misbehave: lose answers, swallow everything, or be cut."""

import contextlib
import select
import socket
import threading


class Proxy:
    """Forwards connections to `port`. `mode`: pass; deaf (nothing is forwarded any more, connections stay open);
    lose_answer (the next posting reaches the core, its answer is thrown away and the connection cut)."""

    def __init__(self, port):
        self.target, self.mode, self.lost = port, "pass", 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.open = False
        self.listener.close()

    def _accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target)) as core:
            posting = False
            while self.open:
                for ready in select.select([client, core], [], [], 0.5)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if self.mode == "deaf":
                        continue
                    if ready is client:
                        posting = b"core_post(" in data
                        core.sendall(data)
                    elif posting and self.mode == "lose_answer":
                        self.mode, self.lost = "pass", self.lost + 1
                        return
                    else:
                        client.sendall(data)
