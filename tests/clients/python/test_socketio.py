"""python-socketio, blocking and asyncio, on every transport."""

import asyncio
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


class Blocking:
    """The blocking client."""

    def __init__(self, server, transports, **handshake):
        self.client = socketio.Client(reconnection=False)
        self.heard = {SPEC: Inbox(), PLAIN: Inbox()}
        for name, inbox in self.heard.items():
            self.client.on(name, inbox.put)
        query = handshake.pop("query", "")
        self.client.connect(server.url + query, transports=transports, wait_timeout=PATIENCE, **handshake)

    @property
    def transport(self):
        return self.client.transport()

    def request(self, body, names=(SPEC, PLAIN)):
        """Sends a plain event; returns the answer, which must be the same under all these names."""
        self.client.emit(CHANNEL, body)
        first, *others = [self.heard[name].next() for name in names]
        assert all(other == first for other in others), (first, others)
        return first

    def ask(self, body):
        """Sends an event with an acknowledgement callback; returns what it was called with."""
        return self.client.call(CHANNEL, body, timeout=PATIENCE)

    @property
    def unread(self):
        return sum(len(inbox) for inbox in self.heard.values())

    def close(self):
        self.client.disconnect()


class Asynchronous:
    """The asyncio client, driven from outside its loop so that both clients run the same tests."""

    def __init__(self, server, transports, **handshake):
        self.loop = asyncio.new_event_loop()
        self.heard = {SPEC: [], PLAIN: []}
        self._run(self._connect(server, transports, **handshake))

    def _run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, PATIENCE))

    async def _connect(self, server, transports, query="", **handshake):
        self.client = socketio.AsyncClient(reconnection=False)
        self.arrived = asyncio.Condition()
        for name, heard in self.heard.items():
            self.client.on(name, self._keep(heard))
        await self.client.connect(server.url + query, transports=transports, wait_timeout=PATIENCE, **handshake)

    def _keep(self, heard):
        async def keep(body):
            async with self.arrived:
                heard.append(body)
                self.arrived.notify_all()

        return keep

    @property
    def transport(self):
        return self.client.transport()

    def request(self, body, names=(SPEC, PLAIN)):
        return self._run(self._request(body, names))

    async def _request(self, body, names):
        await self.client.emit(CHANNEL, body)
        async with self.arrived:
            await self.arrived.wait_for(lambda: all(self.heard[name] for name in names))
        first, *others = [self.heard[name].pop(0) for name in names]
        assert all(other == first for other in others), (first, others)
        return first

    def ask(self, body):
        return self._run(self.client.call(CHANNEL, body, timeout=PATIENCE))

    @property
    def unread(self):
        return sum(len(heard) for heard in self.heard.values())

    def close(self):
        self._run(self.client.disconnect())
        self.loop.close()


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
