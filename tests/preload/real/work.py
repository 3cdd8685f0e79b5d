"""Work for the memory of an interpreter: many small objects, long strings, growing and shrinking lists, cycles for
the collector, threads, compression, and a child process. Prints only what does not depend on time or addresses."""

import collections
import gc
import hashlib
import json
import os
import re
import threading
import zlib

N = 20_000


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def words(seed, count):
    for _ in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield "%x" % (seed >> (8 + seed % 40))


def containers():
    count = collections.Counter(word[:3] for word in words(1, N))
    table = {word: [i, str(i) * (i % 20)] for i, word in enumerate(words(2, N))}
    for word in list(table)[::3]:
        del table[word]
    queue = collections.deque(words(3, N), maxlen=500)
    nested = [[j for j in range(i % 50)] for i in range(N // 4)]
    return digest(count.most_common(50)), digest(sorted(table.items())), digest(queue), digest(nested)


def strings():
    text = " ".join(words(4, N))
    found = re.findall(r"\b([0-9a-f])(\w*?)([0-9]+)\b", text)
    text = re.sub(r"[a-f]+", lambda match: match.group().upper() * 2, text)
    pieces = ""
    for word in words(5, N):
        pieces += word
    return digest(found), digest(text), digest(pieces), digest(sorted(text.split(), key=str.lower))


def round_trips():
    value = {word: {"n": i, "list": list(range(i % 30)), "f": i / 7} for i, word in enumerate(words(6, N // 4))}
    text = json.dumps(value, indent=1)
    packed = [zlib.compress(text[: 1000 * i].encode(), i % 10) for i in range(1, 60)]
    assert json.loads(text) == value
    assert all(zlib.decompress(p) == text[: 1000 * i].encode() for i, p in enumerate(packed, 1))
    return digest(text), digest(packed)


class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []
        self.everything = {"self": self, "depth": depth}  # a cycle

    def count(self):
        return 1 + sum(child.count() for child in self.children)


def cycles():
    counts = [Node(7).count() for _ in range(5)]
    gc.collect()
    return counts, gc.collect()


def threads():
    results = {}

    def work(i):
        results[i] = digest([word * (i % 5) for word in words(i, N // 10)])

    running = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return digest(sorted(results.items()))


def child():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, digest(list(words(7, N))).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return os.read(reader, 100).decode()


def large():
    data = bytearray()
    for word in words(8, N):
        data += word.encode() * 50
    halves = data[: len(data) // 2], data[len(data) // 2 :]
    return len(data), digest(bytes(halves[1] + halves[0]))


for job in (containers, strings, round_trips, cycles, threads, child, large):
    print(job.__name__, job())
