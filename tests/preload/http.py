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


def hammer(address, count, seed=1):
    source = random.Random(int(seed))
    for i in range(int(count)):
        with connect(address) as client:
            client.settimeout(0.1)  # the endpoint waits for the rest of many requests
            try:
                client.sendall(mutated(source))
                if i % 20 == 0:
                    client.recv(1000)
            except OSError:
                pass


def slow(address, count, times=12):
    """Connections that send a byte now and then, and never a whole request; and others beside them."""
    clients = [connect(address) for _ in range(int(count))]
    for i in range(int(times)):
        for at, client in enumerate(clients):
            try:
                client.send(b"GET /metrics HTTP/1.1\r\nX: "[i % 26:][:1] or b"y")
            except OSError:  # it was closed for its silence, or refused
                client.close()
                clients[at] = socket.socket()
                clients[at].setblocking(False)
                clients[at].connect_ex(("127.0.0.1", int(address)))
        time.sleep(0.02)
    for client in clients:
        client.close()
    wait(address)


def many(address, count, seconds=0.3):
    """More connections than the endpoint has room for; afterwards it answers as before."""
    clients = []
    for _ in range(int(count)):
        client = socket.socket(socket.AF_UNIX if address.startswith("/") else socket.AF_INET)
        client.setblocking(False)
        client.connect_ex(address if address.startswith("/") else ("127.0.0.1", int(address)))
        clients.append(client)
    time.sleep(float(seconds))
    for client in clients:
        client.close()
    wait(address)


def pipelined(address, times=1):
    """Requests sent at once are answered in turn."""
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(int(times)):
        with connect(address) as client:
            client.sendall(request * 9 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            data = b""
            while piece := client.recv(65536):
                data += piece
        assert data.count(b"HTTP/1.1 200") == 10, data.count(b"HTTP/1.1 200")


def foreign(address, count):
    """Requests that a page of another site makes a browser send: all are refused."""
    headers = (b"Host: evil.example", b"Host: localhost\r\nOrigin: http://evil.example", b"Host: localhost\r\nOrigin: null",
               b"Host: localhost\r\nSec-Fetch-Site: cross-site", b"Host: localhost\r\nSec-Fetch-Site: same-site")
    for i in range(int(count)):
        method, path = ((b"GET", b"/debug/figures"), (b"POST", b"/debug/tune?gogc=1"), (b"GET", b"/"))[i % 3]
        with connect(address) as client:
            client.sendall(method + b" " + path + b" HTTP/1.1\r\n" + headers[i % 5] + b"\r\nConnection: close\r\n\r\n")
            answer = client.recv(100)
        assert b" 403 " in answer, answer


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
