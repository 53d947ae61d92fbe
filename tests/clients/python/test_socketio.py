"""python-socketio, blocking and asyncio, on every transport."""

import asyncio
import threading
import unittest

import socketio

from nile import ANNA, MOVED, PATIENCE, Inbox, ServerTest, logged, reply

CHANNEL = "client.to.instance"
SPEC = "instace.to.client"
PLAIN = "instance.to.client"

TRANSPORTS = {
    "websocket only": ["websocket"],
    "polling only": ["polling"],
    "polling upgraded to websocket": ["polling", "websocket"],
}


class Connection:
    """What both kinds of client have in common; `client`, `emit` and `ask` are theirs."""

    def __init__(self):
        self.heard = {SPEC: Inbox(), PLAIN: Inbox()}
        self.closed = threading.Event()

    def listen(self):
        for name, inbox in self.heard.items():
            self.client.on(name, inbox.put)
        self.client.on("disconnect", lambda *_: self.closed.set())

    @property
    def transport(self):
        return self.client.transport()

    @property
    def unread(self):
        """How many events have come that no test has looked at."""
        return sum(len(inbox) for inbox in self.heard.values())

    def request(self, body, names=(SPEC, PLAIN)):
        """Sends a plain event; returns the answer, which must be the same under all these names."""
        self.emit(body)
        first, *others = [self.heard[name].next() for name in names]
        assert all(other == first for other in others), (first, others)
        return first


class Blocking(Connection):
    """The blocking client."""

    def __init__(self, server, transports, query="", **handshake):
        super().__init__()
        self.client = socketio.Client(reconnection=False)
        self.listen()
        self.client.connect(server.url + query, transports=transports, wait_timeout=PATIENCE, **handshake)

    def emit(self, body):
        self.client.emit(CHANNEL, body)

    def ask(self, body):
        """Sends an event with an acknowledgement callback; returns what it was called with."""
        return self.client.call(CHANNEL, body, timeout=PATIENCE)

    def close(self):
        self.client.disconnect()


class Asynchronous(Connection):
    """The asyncio client. Its loop runs in a thread, so that both kinds go through the same tests."""

    def __init__(self, server, transports, query="", **handshake):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._live)
        self.thread.start()
        try:
            self._run(self._connect(server.url + query, transports, handshake))
        except BaseException:
            self._end_loop()
            raise

    async def _connect(self, url, transports, handshake):
        self.client = socketio.AsyncClient(reconnection=False)
        self.listen()
        await self.client.connect(url, transports=transports, wait_timeout=PATIENCE, **handshake)

    def _live(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        # What the client leaves behind after a lost connection.
        rest = asyncio.all_tasks(self.loop)
        for task in rest:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self.loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def _end_loop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def emit(self, body):
        self._run(self.client.emit(CHANNEL, body))

    def ask(self, body):
        return self._run(self.client.call(CHANNEL, body, timeout=PATIENCE))

    def close(self):
        try:
            self._run(self.client.disconnect())
        finally:
            self._end_loop()


class Cycle:
    """register -> login -> update -> login, over a restart; once for each kind of client."""

    def open(self, transports, **handshake):
        connection = self.kind(self.server, transports, **handshake)
        self.addCleanup(connection.close)
        self.assertEqual(connection.transport, transports[-1], "the transport that is really used")
        return connection

    def accepted(self, send, request, action):
        answer = send(request)
        self.assertEqual(answer, reply(action, answer.get("parameters"), request))
        return answer["parameters"]

    def go_through(self, send):
        request = {"action": "register", "parameters": {"information": ANNA}, "id": 1}
        token, ident = self.check_registered(self.accepted(send, request, "registered"))
        login = {"action": "login", "parameters": {"token": token}, "id": "login-1"}
        self.assertEqual(self.accepted(send, login, "logged"), logged(ident, ANNA))
        update = {"action": "update", "parameters": {"token": token, "information": MOVED}}
        self.assertEqual(self.accepted(send, update, "updated"), {})
        self.assertEqual(self.accepted(send, login, "logged"), logged(ident, MOVED))
        return token, ident

    def test_it_goes_through_the_cycle_with_plain_events_over_a_restart(self):
        for travel, transports in TRANSPORTS.items():
            with self.subTest(travel):
                connection = self.open(transports)
                token, ident = self.go_through(connection.request)
                self.assertEqual(connection.unread, 0, "each answer comes once under each name")
                self.server.restart()
                self.assertTrue(connection.closed.wait(PATIENCE), "the end is noticed")
                login = {"action": "login", "parameters": {"token": token}}
                again = self.open(transports)
                self.assertEqual(self.accepted(again.request, login, "logged"), logged(ident, MOVED))

    def test_it_goes_through_the_cycle_with_acknowledgements_and_hears_nothing_else(self):
        for travel, transports in TRANSPORTS.items():
            with self.subTest(travel):
                connection = self.open(transports)
                self.go_through(connection.ask)
                refusal = connection.ask({"action": "login", "parameters": {"token": "SECRET_TOKEN"}, "id": 5})
                parameters = {"code": "invalid_token", "msg": "token not valid"}
                self.assertEqual(refusal, {"action": "loginFailed", "parameters": parameters, "id": 5})
                connection.request({"action": "ping"})
                self.assertEqual(connection.unread, 0, "what was acknowledged is not said as an event as well")

    def test_it_hears_the_spelling_that_its_handshake_asked_for(self):
        cases = [
            ({"query": "/?spelling=spec"}, [SPEC]),
            ({"query": "/?spelling=plain"}, [PLAIN]),
            ({"auth": {"spelling": "spec"}}, [SPEC]),
            ({"auth": {"spelling": "plain"}}, [PLAIN]),
            ({"query": "/?spelling=spec", "auth": {"spelling": "plain"}}, [PLAIN]),
            ({"auth": {"spelling": "klingon"}}, [SPEC, PLAIN]),
        ]
        for handshake, names in cases:
            with self.subTest(handshake):
                connection = self.open(["websocket"], **handshake)
                connection.request({"action": "ping", "id": 1}, names)
                # An event under another name would have come before the answer to this one.
                connection.request({"action": "ping", "id": 2}, names)
                self.assertEqual(connection.unread, 0)


class TheBlockingClient(Cycle, ServerTest):
    kind = Blocking


class TheAsyncioClient(Cycle, ServerTest):
    kind = Asynchronous


if __name__ == "__main__":
    unittest.main()
