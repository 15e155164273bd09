"""Attempts to get out of the sandbox, each in a process of its own.

Prints one line for each: `NAME blocked WHY`, or `NAME escaped`. An attempt escapes when it returns something
true; an error or something false means that it was held in. What nothing inside can see, such as a file that
was changed outside, the test looks at from outside. Names on the command line choose some of them; with a dash
before it, one is left out.
"""

import ctypes
import errno
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

FACTS = json.load(open("facts.json"))
OUTSIDE = FACTS["outside"]
TARGET = OUTSIDE + "/target"
SECRET = OUTSIDE + "/secret"
VICTIM = FACTS["victim"]
TOKEN = FACTS["token"]

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = os.uname().machine
NUMBERS = {
    "x86_64": {"io_uring_setup": 425, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248,
               "keyctl": 250, "open_by_handle_at": 304, "name_to_handle_at": 303, "clone3": 435, "setns": 308, "move_mount": 429,
               "open_tree": 428, "fsopen": 430, "pivot_root": 155, "kexec_load": 246, "finit_module": 313, "fanotify_init": 300,
               "process_vm_readv": 310, "pidfd_getfd": 438, "mount_setattr": 442, "capset": 126, "clone": 56, "getpid": 39,
               "swapon": 167, "reboot": 169, "acct": 163, "sethostname": 170, "syslog": 103, "linkat": 265},
    "aarch64": {"io_uring_setup": 425, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217,
                "keyctl": 219, "open_by_handle_at": 265, "name_to_handle_at": 264, "clone3": 435, "setns": 268, "move_mount": 429,
                "open_tree": 428, "fsopen": 430, "pivot_root": 41, "kexec_load": 104, "finit_module": 273, "fanotify_init": 262,
                "process_vm_readv": 270, "pidfd_getfd": 438, "mount_setattr": 442, "capset": 91, "clone": 220, "getpid": 172,
                "swapon": 224, "reboot": 142, "acct": 89, "sethostname": 161, "syslog": 116, "linkat": 37},
}[MACHINE]

ALL = {}


def attempt(function):
    ALL[function.__name__] = function
    return function


def call(name, *arguments):
    """Makes a system call; its error is raised."""
    number = NUMBERS[name] if isinstance(name, str) else name
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def libc(name, *arguments):
    result = getattr(LIBC, name)(*arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def spoil(path):
    with open(path, "a") as file:
        file.write("spoiled\n")
    # A file of the sandbox's own under that name is no escape; the test looks at the real one.
    return False


def read(path):
    with open(path, "rb") as file:
        return TOKEN.encode() in file.read(1 << 20)


def run(*line):
    return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=20)


# Files: writing outside.

@attempt
def write_absolute(): return spoil(TARGET)


@attempt
def write_by_dots(): return spoil("../outside/target")


@attempt
def write_by_link():
    os.symlink(TARGET, "link-to-target")
    return spoil("link-to-target")


@attempt
def write_by_linked_folder():
    os.symlink(OUTSIDE, "link-to-outside")
    return spoil("link-to-outside/target")


@attempt
def write_by_hard_link():
    os.link(TARGET, "hard-link")
    return spoil("hard-link")


@attempt
def write_by_rename_out():
    open("to-be-moved", "w").write("spoiled")
    os.rename("to-be-moved", OUTSIDE + "/moved")


@attempt
def write_by_rename_in():
    os.rename(TARGET, "moved-in")
    return spoil("moved-in")


@attempt
def write_by_proc_self_root(): return spoil("/proc/self/root" + TARGET)


@attempt
def write_by_proc_one_root(): return spoil("/proc/1/root" + TARGET)


@attempt
def write_by_proc_cwd(): return spoil("/proc/%d/cwd/../outside/target" % VICTIM)


@attempt
def write_by_victims_root(): return spoil("/proc/%d/root%s" % (VICTIM, TARGET))


@attempt
def write_by_every_process():
    tried = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            for way in ("root", "cwd"):
                try:
                    spoil("/proc/%s/%s%s" % (name, way, TARGET))
                    tried += 1
                except OSError:
                    pass
    return False


@attempt
def write_by_inherited_descriptor():
    for number in range(3, 256):
        try:
            folder = os.open("../../../../../../.." + TARGET, os.O_WRONLY | os.O_APPEND, dir_fd=number)
        except OSError:
            continue
        os.write(folder, b"spoiled\n")
        return True
    return False


@attempt
def write_by_many_dots(): return spoil("../" * 40 + TARGET.lstrip("/"))


@attempt
def write_by_chroot():
    os.mkdir("jail")
    os.chroot("jail")
    for _ in range(40):
        os.chdir("..")
    os.chroot(".")
    return True


@attempt
def write_by_unnamed_file():
    number = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(number, b"spoiled")
    call("linkat", -100, b"/proc/self/fd/%d" % number, -100, (OUTSIDE + "/unnamed").encode(), 0x400)


@attempt
def write_by_swapped_links():
    os.makedirs("swapped", exist_ok=True)
    os.symlink(OUTSIDE, "swapped-link")
    stop = time.time() + 1

    def swap():
        while time.time() < stop:
            call(316 if MACHINE == "x86_64" else 276, -100, b"swapped", -100, b"swapped-link", 2)

    thread = threading.Thread(target=swap)
    thread.start()
    while time.time() < stop:
        try:
            spoil("swapped/target")
        except OSError:
            pass
    thread.join()


@attempt
def write_later():
    """A process that goes on after the command has ended."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
            for _ in range(30):
                time.sleep(0.1)
                try:
                    spoil(TARGET)
                except OSError:
                    pass
        os._exit(0)


@attempt
def truncate(): return os.truncate(TARGET, 0)


@attempt
def delete(): return os.unlink(TARGET)


@attempt
def make_folder(): return os.mkdir(OUTSIDE + "/made")


@attempt
def change_mode(): return os.chmod(TARGET, 0o777)


@attempt
def change_owner(): return os.chown(TARGET, 1, 1)


@attempt
def change_times(): return os.utime(TARGET, (1, 1))


@attempt
def change_attribute(): return os.setxattr(TARGET, "user.x", b"x")


@attempt
def change_mode_by_descriptor():
    number = os.open(TARGET, os.O_PATH)
    os.chmod("/proc/self/fd/%d" % number, 0o777)


@attempt
def socket_file_outside():
    socket.socket(socket.AF_UNIX).bind(OUTSIDE + "/bound")


@attempt
def device_file():
    os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    return bool(os.open("disk", os.O_RDONLY))


@attempt
def device_memory(): return bool(os.open("/dev/mem", os.O_RDONLY))


@attempt
def device_log(): return bool(os.open("/dev/kmsg", os.O_RDWR))


@attempt
def device_disks():
    opened = []
    for name in os.listdir("/dev"):
        path = "/dev/" + name
        if stat.S_ISBLK(os.stat(path).st_mode):
            opened.append(os.open(path, os.O_RDONLY))
    return opened


@attempt
def system_file(): return spoil("/etc/distiq-was-here") or os.path.exists("/etc/distiq-was-here")


@attempt
def system_program(): return bool(os.open("/usr/bin/env", os.O_WRONLY))


# Files: reading keys.

@attempt
def read_outside(): return read(SECRET)


@attempt
def read_keys():
    return [path for path in FACTS["secrets"] if os.access(path, os.F_OK) and quietly(read, path)]


@attempt
def read_keys_by_link():
    found = []
    for number, path in enumerate(FACTS["secrets"]):
        os.symlink(path, "key-%d" % number)
        found += [path for _ in [0] if quietly(read, "key-%d" % number)]
    return found


@attempt
def read_shadow():
    with open("/etc/shadow", "rb") as file:
        return bool(file.read())


@attempt
def read_everything():
    """Looks for the token in every file that can be seen, the project's own left out."""
    skip = ("/proc", "/sys", "/usr", "/nix", "/opt", "/lib", os.getcwd())
    found = []
    for folder, names, files in os.walk("/"):
        names[:] = [name for name in names if not os.path.join(folder, name).startswith(skip)]
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.path.getsize(path) < 4096 and quietly(read, path):
                found.append(path)
    return found


@attempt
def list_other_homes():
    return [name for name in FACTS["homes"] if quietly(os.listdir, name) and "other-file" in os.listdir(name)]


def quietly(function, *arguments):
    try:
        return function(*arguments)
    except OSError:
        return None


# Other processes.

@attempt
def victims_environment(): return read("/proc/%d/environ" % VICTIM)


@attempt
def every_environment():
    return [name for name in os.listdir("/proc") if name.isdigit() and quietly(read, "/proc/%s/environ" % name)]


@attempt
def victims_memory(): return bool(os.open("/proc/%d/mem" % VICTIM, os.O_RDWR))


@attempt
def distiqs_memory(): return bool(os.open("/proc/%d/mem" % FACTS["distiq"], os.O_RDONLY))


@attempt
def victims_maps(): return open("/proc/%d/maps" % VICTIM).read()


@attempt
def read_victims_memory():
    buffer = ctypes.create_string_buffer(8)

    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    local = Vector(ctypes.cast(buffer, ctypes.c_void_p), 8)
    remote = Vector(0x400000, 8)
    # A wrong address would be EFAULT: the process was reached.
    try:
        call("process_vm_readv", VICTIM, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise
    return True


@attempt
def trace_victim():
    libc("ptrace", 16, VICTIM, 0, 0)
    return True


@attempt
def kill_victim():
    os.kill(VICTIM, 15)
    return True


@attempt
def stop_launcher():
    os.kill(os.getppid(), 0)
    outside = [FACTS["distiq"], VICTIM]
    return [pid for pid in outside if quietly(lambda: os.kill(pid, 0) or True)]


@attempt
def file_of_victim():
    number = os.pidfd_open(VICTIM)
    return call("pidfd_getfd", number, 0, 0)


@attempt
def priority_of_victim():
    os.setpriority(os.PRIO_PROCESS, VICTIM, 19)
    return True


@attempt
def see_victim(): return os.path.exists("/proc/%d/stat" % VICTIM) and b"distiq-victim" in open("/proc/%d/cmdline" % VICTIM, "rb").read()


# Sockets.

def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(address)
        client.send(b"hello")
        return kind == socket.SOCK_STREAM


@attempt
def tcp(): return connect(socket.AF_INET, ("127.0.0.1", FACTS["tcp"]))


@attempt
def tcp_by_address():
    return [address for address in FACTS["addresses"] if quietly(connect, socket.AF_INET, (address, FACTS["tcp"]))]


@attempt
def tcp6(): return connect(socket.AF_INET6, ("::1", FACTS["tcp6"]))


@attempt
def udp(): return connect(socket.AF_INET, ("127.0.0.1", FACTS["udp"]), socket.SOCK_DGRAM)


@attempt
def udp_outward():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("192.0.2.1", 53))
        return True


@attempt
def tcp_outward(): return connect(socket.AF_INET, ("192.0.2.1", 80))


@attempt
def unix_by_path(): return connect(socket.AF_UNIX, FACTS["unix"])


@attempt
def unix_datagram(): return connect(socket.AF_UNIX, FACTS["unix_datagram"], socket.SOCK_DGRAM)


@attempt
def unix_in_tmp(): return connect(socket.AF_UNIX, FACTS["unix_in_tmp"])


@attempt
def unix_in_run(): return connect(socket.AF_UNIX, FACTS["unix_in_run"]) if FACTS["unix_in_run"] else False


@attempt
def unix_abstract(): return connect(socket.AF_UNIX, "\0" + FACTS["abstract"])


@attempt
def unix_by_pair():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"hello", FACTS["unix_datagram"])
    return True


@attempt
def unix_of_agent(): return "SSH_AUTH_SOCK" in os.environ or "DBUS_SESSION_BUS_ADDRESS" in os.environ


@attempt
def unix_of_daemons():
    known = ["/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/private",
             "/run/containerd/containerd.sock", "/tmp/.X11-unix/X0", "/run/user/%d/bus" % os.getuid()]
    return [path for path in known if quietly(connect, socket.AF_UNIX, path)]


@attempt
def raw_icmp(): return bool(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))


@attempt
def ping():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as client:
        client.sendto(b"\x08\0\0\0\0\0\0\0", ("192.0.2.1", 0))
        return True


@attempt
def packets(): return bool(socket.socket(17, socket.SOCK_RAW, 0))


@attempt
def vsock(): return bool(socket.socket(40, socket.SOCK_STREAM))


@attempt
def crypto(): return bool(socket.socket(38, socket.SOCK_SEQPACKET))


@attempt
def bluetooth(): return bool(socket.socket(31, socket.SOCK_RAW, 1))


@attempt
def netlink_audit(): return bool(socket.socket(16, socket.SOCK_RAW, 9))


@attempt
def netlink_firewall(): return bool(socket.socket(16, socket.SOCK_RAW, 12))


@attempt
def other_interfaces(): return [name for _, name in socket.if_nameindex() if name != "lo"]


@attempt
def names(): return socket.gethostbyname("example.org")


@attempt
def rings():
    call("io_uring_setup", 1, ctypes.create_string_buffer(256))
    return True


# Shared memory and queues.

@attempt
def shared_memory():
    LIBC.shmat.restype = ctypes.c_void_p
    if FACTS["shared"] < 0:
        return False
    address = LIBC.shmat(FACTS["shared"], None, 0)
    return address not in (None, ctypes.c_void_p(-1).value) and TOKEN.encode() in ctypes.string_at(address, 64)


@attempt
def shared_memory_by_key(): return libc("shmget", FACTS["shared_key"], 0, 0) >= 0


@attempt
def shared_file(): return read("/dev/shm/" + FACTS["shared_file"])


# Privileges.

@attempt
def setuid_program():
    done = run("./setuid-id", "-u")
    return os.getuid() != 0 and done.stdout.strip() == b"0"


@attempt
def su(): return os.getuid() != 0 and b"uid=0" in run("su", "root", "-c", "id").stdout


@attempt
def become_other():
    os.setgid(1)
    os.setuid(1)
    return True


@attempt
def capabilities():
    header = struct.pack("II", 0x20080522, 0)
    sets = struct.pack("IIIIII", *[0xffffffff, 0xffffffff, 0, 0x1ff, 0x1ff, 0])
    call("capset", header, sets)
    return True


@attempt
def any_capability():
    lines = open("/proc/self/status").read().splitlines()
    # What an ordinary user could still be given is nothing that it has.
    kinds = ("CapInh", "CapPrm", "CapEff", "CapAmb") + (("CapBnd",) if os.getuid() == 0 else ())
    return [line for line in lines if line.startswith(kinds) and int(line.split()[1], 16)]


@attempt
def user_namespace():
    libc("unshare", 0x10000000)
    return True


@attempt
def mount_namespace():
    libc("unshare", 0x00020000)
    return True


@attempt
def user_namespace_by_clone():
    pid = call("clone", 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return True


@attempt
def user_namespace_by_clone3():
    arguments = struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
    pid = call("clone3", arguments, 64)
    if pid == 0:
        os._exit(0)
    return True


@attempt
def user_namespace_by_program(): return run("unshare", "-Urm", "true").returncode == 0


@attempt
def enter_namespaces():
    entered = []
    for pid in [1, VICTIM, FACTS["distiq"]]:
        for kind in ("user", "mnt", "net", "pid"):
            file = quietly(os.open, "/proc/%d/ns/%s" % (pid, kind), os.O_RDONLY)
            if file is not None and quietly(lambda: call("setns", file, 0) + 1):
                entered.append((pid, kind))
    return entered


@attempt
def mount_over():
    libc("mount", b"none", b"/tmp", b"tmpfs", 0, None)
    return True


@attempt
def mount_bind():
    libc("mount", b"/", b"/tmp", None, 4096 | 16384, None)
    return True


@attempt
def remount():
    libc("mount", None, b"/usr", None, 32 | 4096, None)
    return True


@attempt
def unmount_hidden(): return [path for path in ("/etc/shadow", ".git", "/tmp", "/proc", "/") if quietly(lambda: libc("umount2", path.encode(), 2) + 1)]


@attempt
def mount_by_new_calls():
    done = []
    for name, arguments in [("open_tree", (-100, b"/", 1)), ("fsopen", (b"tmpfs", 0)), ("pivot_root", (b".", b".")),
                            ("mount_setattr", (-100, b"/", 0, ctypes.create_string_buffer(32), 32))]:
        done += [name for _ in [0] if quietly(lambda: call(name, *arguments) + 1)]
    return done


@attempt
def files_by_handle():
    handle = ctypes.create_string_buffer(struct.pack("II", 8, 1) + struct.pack("II", 2, 0) + b"\0" * 120)
    call("open_by_handle_at", os.open("/etc", os.O_RDONLY), handle, os.O_RDONLY)
    return True


@attempt
def the_launcher_again():
    orders = {"policy": {"root": "/", "cwd": "/", "temp": "/tmp", "read": ["/"], "write": ["/"], "frozen": [], "hidden": [],
                         "links": [], "folders": [], "env": [], "unset": [], "network": True, "git_write": True},
              "user": None, "network": None, "ipc": None, "alive": None, "view": False, "fresh_proc": False, "env": []}
    done = run("/proc/1/exe", "__sandbox", "run", json.dumps(orders), "/bin/cat", SECRET)
    return TOKEN.encode() in done.stdout


# The kernel.

def kernel_call(name, *arguments):
    def function():
        call(name, *arguments)
        return True
    function.__name__ = "kernel_" + name
    attempt(function)


kernel_call("bpf", 0, ctypes.create_string_buffer(128), 128)
kernel_call("perf_event_open", ctypes.create_string_buffer(struct.pack("II", 1, 112), 128), 0, -1, -1, 0)
kernel_call("userfaultfd", 1)
kernel_call("add_key", b"user", b"distiq", b"x", 1, -3)
kernel_call("keyctl", 0, -3, 0)
kernel_call("kexec_load", 0, 0, 0, 0)
kernel_call("finit_module", 0, b"", 0)
kernel_call("fanotify_init", 0, 0)
kernel_call("swapon", b"/dev/null", 0)
kernel_call("acct", b"/tmp/acct")
kernel_call("syslog", 10, 0, 0)


@attempt
def kernel_name():
    call("sethostname", b"spoiled", 7)
    return True


@attempt
def kernel_x32():
    return MACHINE == "x86_64" and call(0x40000000 | NUMBERS["getpid"]) > 0


@attempt
def kernel_settings():
    done = []
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",
                 "/proc/sys/kernel/hostname", "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled"]:
        # Opening changes nothing, and is enough.
        done += [path for _ in [0] if quietly(lambda: os.open(path, os.O_WRONLY) + 1)]
    return done


@attempt
def kernel_keys(): return bool(os.open("/proc/sysrq-trigger", os.O_WRONLY))


@attempt
def control_groups():
    done = []
    for folder, names, files in os.walk("/sys/fs/cgroup"):
        for name in ("cgroup.procs", "release_agent", "notify_on_release"):
            if name in files:
                done += [name for _ in [0] if quietly(lambda: os.open(os.path.join(folder, name), os.O_WRONLY) + 1)]
        done += [folder for _ in [0] if quietly(lambda: os.mkdir(os.path.join(folder, "distiq-made")) or True)]
    return done


@attempt
def typing():
    import fcntl
    done = []
    for path in ["/dev/tty", "/dev/console", "/dev/tty1", "/dev/pts/0"]:
        number = quietly(os.open, path, os.O_RDWR)
        if number is not None:
            done += [path for _ in [0] if quietly(lambda: fcntl.ioctl(number, 0x5412, b"x") or True)]
    return done


# Git.

@attempt
def git_hook():
    open(".git/hooks/pre-commit", "w").write("#!/bin/sh\n")
    return True


@attempt
def git_settings():
    open(".git/config", "a").write("[core]\n\tfsmonitor = ./evil\n")
    return True


@attempt
def git_settings_by_git(): return run("git", "config", "core.fsmonitor", "./evil").returncode == 0


@attempt
def git_commit(): return run("git", "-c", "user.name=x", "-c", "user.email=x", "commit", "--allow-empty", "-m", "x").returncode == 0


@attempt
def git_replaced():
    os.rename(".git", "git-old")
    return True


@attempt
def git_linked():
    os.symlink("/tmp", ".git-new")
    os.rename(".git-new", ".git")
    return True


@attempt
def git_folder():
    os.mkdir(".git/made")
    return True


@attempt
def git_by_link():
    os.symlink(".git", "git-link")
    return spoil("git-link/HEAD")


@attempt
def git_by_hard_link():
    os.link(".git/config", "config-link")
    return spoil("config-link")


@attempt
def git_project_moved():
    here = os.getcwd()
    os.rename(here, here + "-moved")
    return True


def alone(name):
    """Runs an attempt in a child, so that none spoils the next, and tells how it went."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            result = ALL[name]()
            text = "escaped %s" % (result,) if result else "blocked"
        except BaseException as error:
            text = "blocked %s" % error
        os.write(writer, text.replace("\n", " ")[:200].encode())
        os._exit(0)
    os.close(writer)
    text = b""
    while True:
        part = os.read(reader, 4096)
        if not part:
            break
        text += part
    os.close(reader)
    os.waitpid(pid, 0)
    return text.decode(errors="replace") or "blocked (it was killed)"


LEFT_OUT = [name[1:] for name in sys.argv[1:] if name.startswith("-")]
CHOSEN = [name for name in sys.argv[1:] if not name.startswith("-")]
for name in CHOSEN or [name for name in ALL if name not in LEFT_OUT]:
    print(name, alone(name), flush=True)
