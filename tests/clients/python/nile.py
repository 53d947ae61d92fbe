"""Starts the built server, and says what every client of it should hear."""

import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]

#: How long anything may take on a busy machine before it counts as not happening, in seconds.
PATIENCE = 15
#: How long the server may take to drain and exit after SIGTERM, in seconds.
DRAIN = 10

TOKEN = re.compile(r"nlc_([1-9][0-9]*)_[A-Za-z0-9_-]{43}")
ANNA = {"name": "Anna", "location": "Ravenna"}
MOVED = {"name": "Anna", "location": "Forlì", "favourites": ["bread", {"open": True}], "visits": 12}


def binary():
    """Where the server under test is: NILE_BIN, or the debug build of this repository."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    file = REPOSITORY / os.environ.get("NILE_BIN", target / "debug" / "nile-instance")
    if not file.exists():
        raise FileNotFoundError(
            f"there is no server at {file}: run `cargo build -p nile-instance`, or set NILE_BIN"
        )
    return str(file)


class Server:
    """A server on a port and a data directory of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nile-clients-")
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = None
        self.url = None

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NILE_")}
        environment["NILE_LIMITS_EXEMPT"] = "127.0.0.0/8"
        data = os.path.join(self.folder, "data")
        self.process = subprocess.Popen(
            [binary(), "--listen", "127.0.0.1:0", "--data-dir", data],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        # Where no line comes in time, the end of the process makes `readline` return.
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        ready = re.fullmatch(r"listening on (http://\S+)\n", line)
        if ready is None:
            raise AssertionError(f"the server said {line!r} and not where it listens; its log:\n{self.tail()}")
        self.url = ready[1]
        return self

    @property
    def ws_url(self):
        return self.url.replace("http", "ws", 1)

    def stop(self):
        """Ends it as an operator does; it must drain in time and be content."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DRAIN)
        self.process.stdout.close()
        if status != 0:
            raise AssertionError(f"the exit status after SIGTERM was {status}; its log:\n{self.tail()}")

    def restart(self):
        self.stop()
        return self.start()

    def tail(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-3000:]

    def dispose(self):
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.log.close()
            shutil.rmtree(self.folder)


class ServerTest(unittest.TestCase):
    """A test with a server of its own."""

    maxDiff = None

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.dispose)
        self.server.start()

    def check_registered(self, parameters):
        """Checks what a new client is given, and returns its token and id."""
        self.assertEqual(sorted(parameters), ["id", "token"])
        match = TOKEN.fullmatch(parameters["token"])
        self.assertIsNotNone(match, parameters["token"])
        self.assertEqual(parameters["id"], int(match[1]))
        return parameters["token"], parameters["id"]


def reply(action, parameters, request):
    """The whole answer to a request."""
    correlated = {"id": request["id"]} if "id" in request else {}
    return {"action": action, "parameters": parameters, **correlated}


def logged(ident, information):
    """What `logged` says of a client for whom nothing waits."""
    return {"queue": [], "information": information, "id": ident, "total": 0, "more": False}


class Inbox:
    """What has arrived and has not been looked at, in order of arrival."""

    def __init__(self):
        self._arrived = queue.Queue()

    def put(self, item):
        self._arrived.put(item)

    def next(self):
        return self._arrived.get(timeout=PATIENCE)

    def __len__(self):
        return self._arrived.qsize()
