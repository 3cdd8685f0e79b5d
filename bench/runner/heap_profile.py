"""Heap profiles (profile.proto, gzip'd), read without a library: samples by the places that they come from."""

import gzip
from collections import namedtuple
from pathlib import Path

# calls: (file, offset in it) of each frame, innermost first. size: of one block, in bytes. objects, space: what is in use,
# blocks and bytes.
Sample = namedtuple("Sample", "calls size objects space")


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a message, as (number, int or bytes)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value


def numbers(data):
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value


class Profile:
    """samples: a list of Sample; names: (file, offset) → names of functions, innermost
    first; empty if the profile has no names."""

    def __init__(self, path):
        messages = list(fields(gzip.decompress(Path(path).read_bytes())))
        self.strings = [value.decode() for number, value in messages if number == 6]
        self.mappings = {mapping[1]: mapping for mapping in self.of(messages, 3)}
        functions = {function[1]: self.strings[function.get(2, 0)] for function in self.of(messages, 5)}
        self.names, self.places = {}, {}
        for number, value in messages:
            if number == 4:
                self.take_location(list(fields(value)), functions)
        self.samples = [self.sample(value) for number, value in messages if number == 2]

    @staticmethod
    def of(messages, number):
        return [dict(fields(value)) for found, value in messages if found == number]

    def take_location(self, location, functions):
        plain = dict(location)
        mapping = self.mappings.get(plain.get(2))
        place = ("?", plain.get(3, 0))
        if mapping:
            place = (Path(self.strings[mapping.get(5, 0)]).name, plain[3] - mapping[2] + mapping.get(4, 0))
        self.places[plain[1]] = place
        names = [functions[dict(fields(value))[1]] for number, value in location if number == 4]
        if names:
            self.names[place] = names

    def sample(self, data):
        calls, values, size = (), (), 0
        for number, value in fields(data):
            if number == 1:
                calls = tuple(self.places[place] for place in numbers(value))
            elif number == 2:
                values = tuple(numbers(value))
            else:
                label = dict(fields(value))
                if self.strings[label[1]] == "bytes":
                    size = label.get(3, 0)
        return Sample(calls, size, values[2], values[3])
