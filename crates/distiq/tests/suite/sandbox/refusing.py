"""Runs a program under a filter by which system calls fail as if the kernel had them not.

`support` refuses namespaces, mounts and Landlock; `namespaces` leaves Landlock.
"""

import ctypes
import os
import struct
import sys

NUMBERS = {"x86_64": {"unshare": 272, "setns": 308, "mount": 165, "landlock": 444},
           "aarch64": {"unshare": 97, "setns": 268, "mount": 40, "landlock": 444}}[os.uname().machine]
names = ["unshare", "setns", "mount"] + (["landlock"] if sys.argv[1] == "support" else [])
steps = [(0x20, 0, 0, 0)]
for name in names:
    steps += [(0x15, 0, 1, NUMBERS[name]), (0x06, 0, 0, 0x00050000 | 38)]
steps.append((0x06, 0, 0, 0x7fff0000))
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[2], sys.argv[2:])
