"""A schema registry that speaks as much of Confluent's REST API as a serializer and a reader need, and can misbehave."""

import base64
import http.server
import json
import pathlib
import re
import ssl
import threading
import urllib.parse

from .ports import free_port
from .process import run


class Registry:
    """Runs in a thread. `mode`: "ok", "error" (500 to everything) or "hang" (takes requests and does not answer)."""

    def __init__(self, *, user_info=None, certificate=None):
        self.user_info, self.certificate = user_info, certificate
        self.port = free_port()
        self.mode = "ok"
        self.schemas, self.subjects = [], {}  # ids from 1; per subject the ids of its versions
        self.requests = []  # what was asked for, in order
        self.change = threading.Condition()
        self.server = None

    @property
    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        registry = self

        class Handler(_Handler):
            """Bound to this registry."""
            books = registry

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        """As if the machine were gone: nobody listens any more, requests that hang are cut off."""
        self.behave("stopped")
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def behave(self, mode):
        with self.change:
            self.mode = mode
            self.change.notify_all()

    def register(self, subject, schema, references=()):
        """The id of a schema under a subject, new or known."""
        entry = {"schema": schema, **({"references": list(references)} if references else {})}
        with self.change:
            if entry not in self.schemas:
                self.schemas.append(entry)
            number = self.schemas.index(entry) + 1
            versions = self.subjects.setdefault(subject, [])
            if number not in versions:
                versions.append(number)
            return number

    def answer(self, method, path, body):
        """(status, JSON) of one request."""
        subject = re.fullmatch(r"/subjects/([^/]+)(?:/versions(?:/(\d+))?)?", path)
        name = subject and urllib.parse.unquote(subject[1])
        if method == "POST" and subject and not subject[2]:
            number = self.register(name, body["schema"], body.get("references", ()))
            return 200, {"id": number, "subject": name, "version": self.subjects[name].index(number) + 1,
                         **self.schemas[number - 1]}
        if method == "GET" and (found := re.fullmatch(r"/schemas/ids/(\d+)", path)):
            number = int(found[1])
            if 0 < number <= len(self.schemas):
                return 200, self.schemas[number - 1]
            return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
        if method == "GET" and subject and subject[2] and int(subject[2]) <= len(self.subjects.get(name, [])):
            number = self.subjects[name][int(subject[2]) - 1]
            return 200, {"subject": name, "version": int(subject[2]), "id": number, **self.schemas[number - 1]}
        if subject:
            return 404, {"error_code": 40401, "message": f"Subject '{name}' not found."}
        return 404, None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books = None

    def do_GET(self):
        self._respond({})

    def do_POST(self):
        self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _respond(self, body):
        books, path = self.books, self.path.split("?")[0]
        with books.change:
            books.requests.append(path)
            books.change.wait_for(lambda: books.mode != "hang")
            mode = books.mode
        if mode == "stopped":
            self.close_connection = True
            return
        if mode == "error":
            status, answer = 500, {"error_code": 50001, "message": "Error in the backend data store"}
        elif not self._allowed():
            status, answer = 401, {"error_code": 401, "message": "Unauthorized"}
        else:
            status, answer = books.answer(self.command, path, body)
        text = b"not a registry's page" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _allowed(self):
        wanted = self.books.user_info
        return wanted is None or self.headers["Authorization"] == "Basic " + base64.b64encode(wanted.encode()).decode()

    def log_message(self, *_):
        pass


def self_signed(directory, name="registry"):
    """Certificate and key for 127.0.0.1 as files, the certificate its own authority."""
    certificate, key = (pathlib.Path(directory) / f"{name}.{kind}.pem" for kind in ("cert", "key"))
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate])
    return certificate, key
