"""The kernel's filter of system calls (seccomp-BPF): no network, no other processes, from here on and for good.

No rights are needed for it and nothing can lift it. The numbers are those of x86-64, from Linux's uapi headers.
"""

import ctypes
import errno
import os
import platform
import struct

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
# TSYNC: the threads that TensorFlow has already started, too. SPEC_ALLOW: on older kernels a filter would otherwise
# switch off the processor's speculation, and the measured latency would not be a server's.
_FLAGS = 1 | 4
_NR_SECCOMP = 317

_KILL = 0x8000_0000  # SECCOMP_RET_KILL_PROCESS
_ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_X86_64 = 0xC000_003E  # AUDIT_ARCH_X86_64
_X32 = 0x4000_0000  # from here on: the same calls under other numbers
_NR_AT, _ARCH_AT = 0, 4  # in struct seccomp_data
_CLONE_THREAD = 0x0001_0000

_PROCESSES = {"fork": 57, "vfork": 58, "execve": 59, "execveat": 322}
_CLONE, _CLONE3 = 56, 435
_NETWORK = {
    **{"socket": 41, "connect": 42, "accept": 43, "sendto": 44, "sendmsg": 46, "bind": 49, "listen": 50},
    **{"socketpair": 53, "accept4": 288, "sendmmsg": 307},
    # Would do all of the above out of the filter's sight.
    **{"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427},
}
_OTHER_PROCESSES = {
    **{"ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "process_madvise": 440},
    **{"process_mrelease": 448, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424, "tkill": 200},
}
_THE_MACHINE = {
    **{"mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "open_tree": 428, "move_mount": 429},
    **{"fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442, "unshare": 272},
    **{"setns": 308, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249},
    **{"keyctl": 250, "init_module": 175, "delete_module": 176, "finit_module": 313, "kexec_load": 246},
    **{"kexec_file_load": 320, "reboot": 169, "swapon": 167, "swapoff": 168, "iopl": 172, "ioperm": 173},
    **{"open_by_handle_at": 304, "acct": 163, "quotactl": 179, "settimeofday": 164, "clock_settime": 227},
    **{"adjtimex": 159, "clock_adjtime": 305, "sethostname": 170, "setdomainname": 171, "syslog": 103},
    # These outlive the process.
    **{"shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240},
}
_ITSELF = {
    # Another user or more limits would undo what `confine` has set up; a new user also forgets the parent.
    **{"setuid": 105, "setgid": 106, "setreuid": 113, "setregid": 114, "setresuid": 117, "setresgid": 119},
    **{"setfsuid": 122, "setfsgid": 123, "setgroups": 116, "capset": 126, "setrlimit": 160},
    **{"setpgid": 109, "setsid": 112},
}
_SIGNALS = {"kill": 62, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297}
_PRLIMIT, _PRCTL = 302, 157

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""


def install() -> str:
    """Installs the filter for all threads of this process.

    Returns:
      Why that is not possible on this machine; empty when it is done.
    """
    if platform.machine() != "x86_64" or struct.calcsize("P") != 8:
        return f"there is no filter of system calls for the architecture {platform.machine()}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return f"prctl(PR_SET_NO_NEW_PRIVS) failed: {os.strerror(ctypes.get_errno())}"
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program(os.getpid()))
    instructions = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<H6xQ", len(code) // 8, ctypes.addressof(instructions))  # struct sock_fprog
    arguments = (ctypes.c_long(_SECCOMP_SET_MODE_FILTER), ctypes.c_long(_FLAGS), ctypes.c_char_p(header))
    result = libc.syscall(ctypes.c_long(_NR_SECCOMP), *arguments)
    if result < 0:
        return f"seccomp(SECCOMP_SET_MODE_FILTER) failed: {os.strerror(ctypes.get_errno())}"
    return "" if result == 0 else f"seccomp could not cover thread {result}"


def program(process: int) -> list[Instruction]:
    """The filter for the process of this number.

    Starting a program or a process ends this one, as a model that does so must not go on unnoticed; all else that is
    closed answers with an error, as a machine without network or rights would.
    """
    denied = [(_NETWORK, errno.EACCES), (_OTHER_PROCESSES | _THE_MACHINE | _ITSELF, errno.EPERM)]
    return [
        (_LOAD, 0, 0, _ARCH_AT),
        *_unless_equal(_X86_64, _KILL),
        (_LOAD, 0, 0, _NR_AT),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        *(step for number in _PROCESSES.values() for step in _if_equal(number, _KILL)),
        # Its flags lie in memory, which a filter can't read; without it the C library falls back to clone.
        *_if_equal(_CLONE3, _ERRNO | errno.ENOSYS),
        *(step for numbers, code in denied for number in numbers.values() for step in _if_equal(number, _ERRNO | code)),
        *_arguments(_CLONE, [_argument(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _KILL)]),
        # abort() sends itself a signal, and may.
        *(
            step
            for number in _SIGNALS.values()
            for step in _arguments(number, [_argument(0), *_unless_equal(process, _ERRNO | errno.EPERM)])
        ),
        *_arguments(_PRLIMIT, _only_reading(process)),
        *_arguments(_PRCTL, [_argument(0), *_if_equal(_PR_SET_PDEATHSIG, _ERRNO | errno.EPERM)]),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _only_reading(process: int) -> list[Instruction]:
    """prlimit64 of this process (0 means the same), and no new limits: the third argument, a pointer, is null."""
    denied = _ERRNO | errno.EPERM
    null = [step for half in (0, 1) for step in (_argument(2, half), *_unless_equal(0, denied))]
    return [_argument(0), (_EQUAL, 2, 0, 0), *_unless_equal(process, denied), *null]


def _argument(index: int, half: int = 0) -> Instruction:
    """Loads the lower or upper half of an argument; numbers of processes and flags have no upper half."""
    return (_LOAD, 0, 0, 16 + 8 * index + 4 * half)


def _if_equal(value: int, verdict: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, verdict)]


def _unless_equal(value: int, verdict: int) -> list[Instruction]:
    return [(_EQUAL, 1, 0, value), (_RETURN, 0, 0, verdict)]


def _arguments(number: int, steps: list[Instruction]) -> list[Instruction]:
    """A system call judged by its arguments, and allowed where the steps come to no other verdict."""
    return [(_EQUAL, 0, len(steps) + 1, number), *steps, (_RETURN, 0, 0, _ALLOW)]
