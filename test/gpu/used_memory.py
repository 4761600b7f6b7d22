"""How much memory a device holds, sampled beside what runs on it: of a GPU as its driver counts it, whoever holds it; of a CPU the resident memory
of one process."""

import contextlib
import ctypes
import subprocess
import threading
import time

GB = 1e9


class Nvml:
    """The driver's own library, which needs no context on the GPU and so takes none of its memory."""

    class Memory(ctypes.Structure):
        _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]

    def __init__(self, index=0):
        self.library = ctypes.CDLL("libnvidia-ml.so.1")
        self.device = ctypes.c_void_p()
        self.call("nvmlInit_v2")
        self.call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(self.device))

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise OSError(f"{name}: status {status}")

    def used(self):
        memory = self.Memory()
        self.call("nvmlDeviceGetMemoryInfo", self.device, ctypes.byref(memory))
        return memory.used


def smi():
    """The same by the driver's program, in whole MiB."""
    command = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return 2**20 * int(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()[0])


def reader(device, pid):
    """A function that tells the bytes in use now, and what it asks."""
    if device == "cpu":
        return lambda: resident(pid, "VmRSS"), "resident"
    try:
        nvml = Nvml()
        nvml.used()
        return nvml.used, "NVML"
    except (OSError, AttributeError):
        return smi, "nvidia-smi"


def resident(pid, field):
    """A field of /proc/PID/status in bytes; 0 where the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as lines:
            return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)
    except OSError:
        return 0


class Watch:
    """The most bytes in use since it began, above what was in use then; of a CPU, of the process `pid`, above nothing."""

    def __init__(self, device, pid=None):
        self.read, self.how = reader(device, pid)
        self.before = 0 if device == "cpu" else self.read()
        self.most, self.samples, self.over = self.before, 0, threading.Event()
        every = 0.5 if self.how == "nvidia-smi" else 0.05  # a program each time, or a call
        self.thread = threading.Thread(target=self.sample, args=(every,), daemon=True)
        self.thread.start()

    def sample(self, every):
        while not self.over.is_set():
            with contextlib.suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
                self.most = max(self.most, self.read())
                self.samples += 1
            time.sleep(every)

    def peak(self):
        return self.most - self.before

    def again(self):
        """Forgets the peak."""
        self.most = self.before

    def close(self):
        self.over.set()
        self.thread.join(5)
