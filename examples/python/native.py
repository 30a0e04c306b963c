"""Asks Claude over the native protocol (PROTOCOL.md), and prints the answer.

python3 native.py PROMPT | python3 native.py --attach JOB
Standard library only: the WebSocket is the part of RFC 6455 that a client needs. With the package `websockets` that class
is not needed. A connection that breaks is made anew, and the job goes on after the last event that came.
"""

import base64
import json
import os
import socket
import struct
import sys
import time
import urllib.parse
import uuid

URL = os.environ.get("CC_EXECUTOR_URL", "ws://127.0.0.1:8003/ws")
ENDINGS = {"completed", "failed", "cancelled", "timed_out"}
# Three heartbeats of the gateway: silence for so long means that the connection is dead.
SILENCE_S = 30


class WebSocket:
    """A client's end of a WebSocket. Raises OSError when the connection is lost."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        address = (parts.hostname, parts.port or 80)
        self.socket = socket.create_connection(address, timeout=SILENCE_S)
        self.reader = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: cc-executor.v1\r\n\r\n".encode()
        )
        if b" 101 " not in self.reader.readline():
            raise ConnectionError("the gateway refused the WebSocket")
        while self.reader.readline() not in (b"\r\n", b""):
            pass

    def send(self, message, opcode=1):
        payload = message.encode() if isinstance(message, str) else message
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        self.socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def receive(self):
        """The next message."""
        message = b""
        while True:
            first, size = self._read(2)
            if size == 126:
                (size,) = struct.unpack("!H", self._read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._read(8))
            payload = self._read(size)
            opcode = first & 0x0F
            if opcode == 8:
                raise ConnectionError("the gateway closed the connection")
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode in (0, 1):
                message += payload
                if first & 0x80:
                    return json.loads(message)

    def _read(self, size):
        data = self.reader.read(size)
        if len(data) < size:
            raise ConnectionError("the connection broke")
        return data


class Follower:
    """One job, through any number of connections."""

    def __init__(self, job=None, prompt=None):
        self.job = job
        # With its key the request may be sent again: it stays one job.
        self.params = {"prompt": prompt, "idempotencyKey": str(uuid.uuid4()), "attach": False}
        self.epoch = None
        self.last_seq = 0
        self.pieces = []

    def follow(self):
        """Connects, and takes events up to the terminal one, which it gives."""
        connection = WebSocket(URL)
        if connection.receive()["method"] != "connected":
            raise ConnectionError("the gateway did not begin with `connected`")
        if self.job is None:
            self.job = self.request(connection, "execute", self.params)["jobId"]
            print(self.job, file=sys.stderr)
        position = {"jobId": self.job, "afterSeq": self.last_seq}
        if self.epoch is not None:
            position["epoch"] = self.epoch
        self.epoch = self.request(connection, "attach", position)["epoch"]
        while True:
            message = connection.receive()
            if message.get("method") == "job_lost":
                sys.exit(f"job_lost: {message['params']['reason']}")
            if message.get("method") == "event":
                event = message["params"]
                self.take(event)
                if event["type"] in ENDINGS:
                    return event

    def request(self, connection, method, params):
        """The answer precedes the events that it causes."""
        connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        while True:
            message = connection.receive()
            if message.get("id") != 1:
                continue
            if "result" in message:
                return message["result"]
            error = message["error"]
            if error["data"]["retryable"]:
                raise ConnectionError(error["message"])
            sys.exit(f"{error['data']['code']}: {error['message']}")

    def take(self, event):
        self.last_seq = event["seq"]
        if event["type"] == "output":
            self.pieces.append((event["seq"], event["text"]))
        elif event["type"] == "reset":
            self.pieces = [piece for piece in self.pieces if piece[0] < event["discardFromSeq"]]


def main():
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] == "--attach" and len(arguments) < 2):
        sys.exit("usage: native.py PROMPT | native.py --attach JOB")
    if arguments[0] == "--attach":
        follower = Follower(job=arguments[1])
    else:
        follower = Follower(prompt=arguments[0])
    for tries in range(60):
        try:
            end = follower.follow()
            print("".join(text for _, text in follower.pieces))
            print(end["type"], file=sys.stderr)
            sys.exit(0 if end["type"] == "completed" else 1)
        except OSError as error:
            print(f"… {error}; resumed after event {follower.last_seq}", file=sys.stderr)
            time.sleep(min(5, 0.2 * 2 ** min(tries, 5)))
    sys.exit(f"no gateway at {URL}")


main()
