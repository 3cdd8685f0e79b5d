"""Clients of the endpoint for http.sh: http.py hammer|slow|many|wait ADDRESS... ADDRESS is a port or the path of a socket."""

import json
import random
import socket
import sys
import time


def connect(address):
    if address.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(address)
    else:
        client = socket.create_connection(("127.0.0.1", int(address)))
    client.settimeout(30)
    return client


def get(address, path, method="GET"):
    with connect(address) as client:
        client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := client.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def wait(address):
    while True:
        try:
            return get(address, "/metrics")
        except OSError:
            time.sleep(0.02)


def metric(address, name):
    return json.loads(get(address, "/debug/vars")[1])["weir"][name]


def mutated(random_source):
    request = bytearray(b"GET /metrics?x=%41 HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n"
                        b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(random_source.randrange(1, 12)):
        at = random_source.randrange(len(request))
        kind = random_source.randrange(4)
        if kind == 0:
            request[at] = random_source.randrange(256)
        elif kind == 1:
            del request[at:at + random_source.randrange(1, 20)]
            request += b"\r\n"
        elif kind == 2:
            request[at:at] = bytes(random_source.randrange(256) for _ in range(random_source.randrange(20)))
        else:
            request[at:at] = b"A" * random_source.randrange(20000)
    return bytes(request)


def hammer(address, count):
    source = random.Random(1)
    for i in range(int(count)):
        with connect(address) as client:
            client.settimeout(0.1)  # of many the endpoint awaits the rest
            try:
                client.sendall(mutated(source))
                if i % 20 == 0:
                    client.recv(1000)
            except OSError:
                pass


def slow(address, count):
    """Connections that send a byte now and then, and never a whole request; and others beside them."""
    clients = [connect(address) for _ in range(int(count))]
    for byte in b"GET /metrics":
        for client in clients:
            try:
                client.send(bytes([byte]))
            except OSError:
                pass
        time.sleep(0.02)
    for client in clients:
        client.close()
    wait(address)


def many(address, count):
    """More connections than the endpoint has room for; afterwards it answers as before."""
    clients = []
    for _ in range(int(count)):
        client = socket.socket(socket.AF_UNIX if address.startswith("/") else socket.AF_INET)
        client.setblocking(False)
        client.connect_ex(address if address.startswith("/") else ("127.0.0.1", int(address)))
        clients.append(client)
    time.sleep(0.3)
    for client in clients:
        client.close()
    wait(address)


def pipelined(address):
    """Requests sent at once are answered in turn."""
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(address) as client:
        client.sendall(request * 9 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        data = b""
        while piece := client.recv(65536):
            data += piece
    assert data.count(b"HTTP/1.1 200") == 10, data.count(b"HTTP/1.1 200")


def huge(address):
    """A header beyond the room of a connection, and a body that nobody asked for."""
    with connect(address) as client:
        try:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100000 + b"\r\n\r\n")
            answer = client.recv(100)
        except OSError:
            answer = b""
    assert b" 200 " not in answer, answer
    with connect(address) as client:
        client.sendall(b"POST /debug/gc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n" +
                       b"z" * 1000000)
        assert client.recv(100).split()[1] in (b"200", b"403")


command, address, *rest = sys.argv[1:]
if command == "metric":
    print(metric(address, *rest))
elif command == "post":
    status, body = get(address, rest[0], "POST")
    print(status, body.decode().strip())
elif command == "get":
    sys.stdout.buffer.write(get(address, *rest)[1])
else:
    globals()[command](address, *rest)
