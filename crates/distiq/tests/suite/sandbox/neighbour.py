"""A process of the user's outside the sandbox, with a secret in its environment, its memory and its shared memory.

Prints what it made as JSON, and ends when its standard input does.
"""

import ctypes
import json
import os
import sys

TOKEN = os.environ["NEIGHBOUR_TOKEN"]
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p

key = 0x44690000 | (os.getpid() & 0xffff)
shared = LIBC.shmget(key, 4096, 0o1666)
if shared >= 0:
    address = LIBC.shmat(shared, None, 0)
    ctypes.memmove(address, TOKEN.encode(), len(TOKEN))
name = "distiq-test-%d" % os.getpid()
with open("/dev/shm/" + name, "w") as file:
    file.write(TOKEN)
print(json.dumps({"victim": os.getpid(), "shared": shared, "shared_key": key, "shared_file": name}), flush=True)
sys.stdin.read()
os.unlink("/dev/shm/" + name)
if shared >= 0:
    LIBC.shmctl(shared, 0, None)
