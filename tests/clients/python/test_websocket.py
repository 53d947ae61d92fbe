"""The bare WebSocket of `/ws`, with the `websockets` package."""

import contextlib
import json
import unittest

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from nile import ANNA, MOVED, PATIENCE, ServerTest, logged, reply

CHANNEL = "client.to.instance"
SPEC = "instace.to.client"
PLAIN = "instance.to.client"


class ABareWebSocket(ServerTest):
    def setUp(self):
        super().setUp()
        self.connections = contextlib.ExitStack()
        self.addCleanup(self.connections.close)

    def open(self, path="/ws"):
        # This client offers compression, which the server need not take.
        opening = connect(self.server.ws_url + path, open_timeout=PATIENCE, close_timeout=1)
        return self.connections.enter_context(opening)

    def say(self, connection, body, name=SPEC):
        connection.send(json.dumps({"event": CHANNEL, "body": body}))
        frame = connection.recv(PATIENCE)
        self.assertIsInstance(frame, str, "a text frame")
        frame = json.loads(frame)
        self.assertEqual(sorted(frame), ["body", "event"])
        self.assertEqual(frame["event"], name)
        return frame["body"]

    def accepted(self, connection, request, action):
        answer = self.say(connection, request)
        self.assertEqual(answer, reply(action, answer.get("parameters"), request))
        return answer["parameters"]

    def test_it_goes_through_the_cycle_over_a_restart(self):
        connection = self.open()
        request = {"action": "register", "parameters": {"information": ANNA}, "id": 1}
        token, ident = self.check_registered(self.accepted(connection, request, "registered"))
        login = {"action": "login", "parameters": {"token": token}, "id": "login-1"}
        self.assertEqual(self.accepted(connection, login, "logged"), logged(ident, ANNA))
        update = {"action": "update", "parameters": {"token": token, "information": MOVED}}
        self.assertEqual(self.accepted(connection, update, "updated"), {})
        self.assertEqual(self.accepted(connection, login, "logged"), logged(ident, MOVED))
        self.server.restart()
        with self.assertRaises(ConnectionClosed):
            connection.recv(PATIENCE)
        self.assertEqual(self.accepted(self.open(), login, "logged"), logged(ident, MOVED))

    def test_it_hears_the_other_spelling_where_it_asks_for_it(self):
        pinged = {"action": "pinged", "parameters": {"success": True}}
        for path, name in [("/ws", SPEC), ("/ws?spelling=spec", SPEC), ("/ws?spelling=plain", PLAIN)]:
            with self.subTest(path):
                self.assertEqual(self.say(self.open(path), {"action": "ping"}, name), pinged)

    def test_a_refusal_is_an_answer(self):
        parameters = {"code": "invalid_token", "msg": "token not valid"}
        login = {"action": "login", "parameters": {"token": "SECRET_TOKEN"}, "id": 5}
        expected = {"action": "loginFailed", "parameters": parameters, "id": 5}
        self.assertEqual(self.say(self.open(), login), expected)

    def test_requests_in_fragments_and_in_any_spacing_are_served(self):
        connection = self.open()
        text = json.dumps({"event": CHANNEL, "body": {"action": "ping", "id": 9}}, indent=4)
        connection.send(text[index : index + 5] for index in range(0, len(text), 5))
        answer = json.loads(connection.recv(PATIENCE))["body"]
        self.assertEqual(answer, {"action": "pinged", "parameters": {"success": True}, "id": 9})

    def test_many_requests_at_once_are_answered_in_their_order(self):
        connection = self.open()
        for ident in range(500):
            connection.send(json.dumps({"event": CHANNEL, "body": {"action": "ping", "id": ident}}))
        answered = [json.loads(connection.recv(PATIENCE))["body"]["id"] for _ in range(500)]
        self.assertEqual(answered, list(range(500)))


if __name__ == "__main__":
    unittest.main()
