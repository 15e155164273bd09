//! The filter of system calls: what no command needs and what reaches around the other walls.
//!
//! Written as BPF by hand, because a table of calls cannot say "every call of the x32 ABI", which
//! shares its architecture's number with the ordinary one.

use libc::{c_long, sock_filter};

/// What surrounds the filter, so that it must close more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Whether the network may be used at all: its own namespace, or the user's consent.
    pub(super) network: bool,
    /// Whether sockets of daemons are out of sight, so that Unix sockets are harmless.
    pub(super) unix_sockets: bool,
    /// Whether shared memory and queues are the session's own.
    pub(super) own_memory: bool,
    /// Whether processes outside are out of sight, so that debuggers are harmless.
    pub(super) own_processes: bool,
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls of the x32 ABI have this bit.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// Namespaces that `clone` and `unshare` would make.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32
    | 0x80; // CLONE_NEWTIME

/// Calls that are refused whatever their arguments.
const REFUSED: &[c_long] = &[
    // Other namespaces and mounts.
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Files by handle, which no path rule sees.
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // Rings run calls that no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
    // Keys of the user's login.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Files of other processes.
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
    libc::SYS__sysctl,
    libc::SYS_uselib,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// Calls that look into other processes.
const DEBUGGERS: &[c_long] =
    &[libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];

/// Calls by which processes share memory and queues without a file.
const SHARING: &[c_long] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Terminal requests that type for the user.
const TYPING: [u32; 2] = [0x5412, 0x541c]; // TIOCSTI, TIOCLINUX

/// Offsets in the kernel's `seccomp_data`; arguments are 64 bits, low half first.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const fn refuse(error: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | error as u32
}

/// Returns the filter.
pub(super) fn filter(surroundings: Surroundings) -> Vec<sock_filter> {
    let mut program = Program(Vec::new());
    program.load(ARCH);
    program.unless_equal(ARCHITECTURE, KILL);
    program.load(NUMBER);
    #[cfg(target_arch = "x86_64")]
    program.if_at_least(X32, refuse(libc::ENOSYS));
    for call in REFUSED.iter().chain(REFUSED_HERE) {
        program.if_equal(*call as u32, refuse(libc::EPERM));
    }
    let debuggers = DEBUGGERS.iter().filter(|_| !surroundings.own_processes);
    let sharing = SHARING.iter().filter(|_| !surroundings.own_memory);
    for call in debuggers.chain(sharing) {
        program.if_equal(*call as u32, refuse(libc::EPERM));
    }
    // Its flags lie behind a pointer; without it, the C library uses `clone`.
    program.if_equal(libc::SYS_clone3 as u32, refuse(libc::ENOSYS));
    program.on_call(libc::SYS_unshare, 0, |on| on.if_any(NAMESPACES, refuse(libc::EPERM)));
    program.on_call(libc::SYS_clone, 0, |on| on.if_any(NAMESPACES, refuse(libc::EPERM)));
    program.on_call(libc::SYS_ioctl, 1, |on| {
        for request in TYPING {
            on.if_equal(request, refuse(libc::EPERM));
        }
    });
    program.on_call(libc::SYS_socket, 0, |on| sockets(on, surroundings));
    if !surroundings.unix_sockets {
        // A pair is between our own processes, but a datagram can be sent to any address without a connection.
        program.on_call(libc::SYS_socketpair, 1, |on| {
            on.mask(0xf);
            on.if_equal(libc::SOCK_STREAM as u32, ALLOW);
            on.unless_equal(libc::SOCK_SEQPACKET as u32, refuse(libc::EPERM));
        });
    }
    program.end(ALLOW);
    program.0
}

/// Refuses all families but those that stay within the sandbox.
fn sockets(on: &mut Program, surroundings: Surroundings) {
    const ROUTE: u32 = 0;
    if surroundings.unix_sockets {
        on.if_equal(libc::AF_UNIX as u32, ALLOW);
    }
    if surroundings.network {
        on.if_equal(libc::AF_INET as u32, ALLOW);
        on.if_equal(libc::AF_INET6 as u32, ALLOW);
        on.unless_equal(libc::AF_NETLINK as u32, refuse(libc::EPERM));
        // Addresses are asked for by netlink; its other families reach into the kernel.
        on.load(argument(2));
        on.if_equal(ROUTE, ALLOW);
    }
    on.end(refuse(libc::EPERM));
}

/// BPF, written forwards: every test is followed by the verdict that it may skip.
struct Program(Vec<sock_filter>);

impl Program {
    fn push(&mut self, code: u32, jt: u8, jf: u8, k: u32) {
        self.0.push(sock_filter { code: code as u16, jt, jf, k });
    }

    fn load(&mut self, offset: u32) {
        self.push(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    }

    fn mask(&mut self, mask: u32) {
        self.push(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask);
    }

    fn end(&mut self, verdict: u32) {
        self.push(libc::BPF_RET | libc::BPF_K, 0, 0, verdict);
    }

    fn test(&mut self, kind: u32, value: u32, verdict: u32) {
        self.push(libc::BPF_JMP | kind | libc::BPF_K, 0, 1, value);
        self.end(verdict);
    }

    fn if_equal(&mut self, value: u32, verdict: u32) {
        self.test(libc::BPF_JEQ, value, verdict);
    }

    #[cfg(target_arch = "x86_64")]
    fn if_at_least(&mut self, value: u32, verdict: u32) {
        self.test(libc::BPF_JGE, value, verdict);
    }

    fn if_any(&mut self, bits: u32, verdict: u32) {
        self.test(libc::BPF_JSET, bits, verdict);
    }

    fn unless_equal(&mut self, value: u32, verdict: u32) {
        self.push(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, value);
        self.end(verdict);
    }

    /// Adds tests of one argument of one call; whatever passes them is allowed.
    fn on_call(&mut self, call: c_long, index: u32, tests: impl FnOnce(&mut Program)) {
        let mut inner = Program(Vec::new());
        inner.load(argument(index));
        tests(&mut inner);
        inner.end(ALLOW);
        let skip = u8::try_from(inner.0.len()).unwrap_or(u8::MAX);
        self.push(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, call as u32);
        self.0.append(&mut inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does.
    fn verdict(surroundings: Surroundings, arch: u32, number: u32, arguments: [u32; 3]) -> u32 {
        let program = filter(surroundings);
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let code = u32::from(step.code);
            let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
            if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
                value = match step.k {
                    NUMBER => number,
                    ARCH => arch,
                    offset => arguments[(offset as usize - 16) / 8],
                };
            } else if code == libc::BPF_RET | libc::BPF_K {
                return step.k;
            } else if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K {
                value &= step.k;
            } else if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K {
                at += jump(value == step.k);
            } else if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K {
                at += jump(value >= step.k);
            } else if code == libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K {
                at += jump(value & step.k != 0);
            } else {
                panic!("no such step: {code}");
            }
        }
    }

    const INSIDE: Surroundings =
        Surroundings { network: true, unix_sockets: true, own_memory: true, own_processes: true };
    const BARE: Surroundings = Surroundings {
        network: false,
        unix_sockets: false,
        own_memory: false,
        own_processes: false,
    };

    #[test]
    fn calls_are_judged() {
        let no = refuse(libc::EPERM);
        let newuser = libc::CLONE_NEWUSER as u32;
        for (surroundings, call, arguments, expected) in [
            (INSIDE, libc::SYS_openat, [0, 0, 0], ALLOW),
            (INSIDE, libc::SYS_io_uring_setup, [0, 0, 0], no),
            (INSIDE, libc::SYS_mount, [0, 0, 0], no),
            (INSIDE, libc::SYS_clone3, [0, 0, 0], refuse(libc::ENOSYS)),
            (INSIDE, libc::SYS_clone, [libc::SIGCHLD as u32, 0, 0], ALLOW),
            (INSIDE, libc::SYS_clone, [newuser | libc::SIGCHLD as u32, 0, 0], no),
            (INSIDE, libc::SYS_unshare, [newuser, 0, 0], no),
            (INSIDE, libc::SYS_unshare, [libc::CLONE_FILES as u32, 0, 0], ALLOW),
            (INSIDE, libc::SYS_ioctl, [0, 0x5412, 0], no),
            (INSIDE, libc::SYS_ioctl, [0, 0x5401, 0], ALLOW),
            (INSIDE, libc::SYS_ptrace, [0, 0, 0], ALLOW),
            (BARE, libc::SYS_ptrace, [0, 0, 0], no),
            (INSIDE, libc::SYS_shmget, [0, 0, 0], ALLOW),
            (BARE, libc::SYS_shmget, [0, 0, 0], no),
            (INSIDE, libc::SYS_socket, [libc::AF_UNIX as u32, 1, 0], ALLOW),
            (INSIDE, libc::SYS_socket, [libc::AF_INET as u32, 2, 0], ALLOW),
            (INSIDE, libc::SYS_socket, [libc::AF_INET6 as u32, 2, 0], ALLOW),
            (INSIDE, libc::SYS_socket, [libc::AF_NETLINK as u32, 3, 0], ALLOW),
            (INSIDE, libc::SYS_socket, [libc::AF_NETLINK as u32, 3, 12], no),
            (INSIDE, libc::SYS_socket, [libc::AF_PACKET as u32, 3, 0], no),
            (INSIDE, libc::SYS_socket, [libc::AF_VSOCK as u32, 1, 0], no),
            (INSIDE, libc::SYS_socket, [libc::AF_ALG as u32, 5, 0], no),
            (BARE, libc::SYS_socket, [libc::AF_UNIX as u32, 1, 0], no),
            (BARE, libc::SYS_socket, [libc::AF_INET as u32, 2, 0], no),
            (BARE, libc::SYS_socket, [libc::AF_NETLINK as u32, 3, 0], no),
            (BARE, libc::SYS_socketpair, [libc::AF_UNIX as u32, 1, 0], ALLOW),
            (BARE, libc::SYS_socketpair, [libc::AF_UNIX as u32, 2, 0], no),
            (BARE, libc::SYS_socketpair, [libc::AF_UNIX as u32, 3 | 0x80000, 0], no),
            (BARE, libc::SYS_socketpair, [libc::AF_UNIX as u32, 1 | 0x80000, 0], ALLOW),
        ] {
            let found = verdict(surroundings, ARCHITECTURE, call as u32, arguments);
            assert_eq!(found, expected, "{surroundings:?} {call} {arguments:?}");
        }
    }

    #[test]
    fn other_architectures_do_not_slip_by() {
        assert_eq!(verdict(INSIDE, 0x4000_0003, 5, [0; 3]), KILL, "i386");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(verdict(INSIDE, ARCHITECTURE, X32 | 1, [0; 3]), refuse(libc::ENOSYS));
    }
}
