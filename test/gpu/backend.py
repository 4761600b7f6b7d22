"""A backend library's table of operations (native/include/ctx_backend.h) for Python: the C header itself is read, so that this cannot fall behind it.

Matrices (arrays.py) live in the backend's own memory; nothing of PyTorch runs on the GPU here, so that compute-sanitizer sees our kernels alone.
"""

import ctypes
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONVERSIONS = {"float": ctypes.c_float, "double": ctypes.c_double, "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "size_t": ctypes.c_size_t}


class Mat(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("rows", ctypes.c_int64), ("cols", ctypes.c_int64), ("ld", ctypes.c_int64), ("dtype", ctypes.c_int32)]


class Attention(ctypes.Structure):
    _fields_ = [
        *[(name, Mat) for name in ("q", "k", "v", "o")],
        ("lse", ctypes.c_void_p),
        ("heads", ctypes.c_int32),
        ("kv_heads", ctypes.c_int32),
        ("head_dim", ctypes.c_int32),
        ("scale", ctypes.c_float),
        ("q_index", ctypes.c_int64),
        ("k_index", ctypes.c_int64),
        ("start", ctypes.c_void_p),
        ("causal", ctypes.c_int32),
        ("merge", ctypes.c_int32),
    ]


class AttentionGrad(ctypes.Structure):
    _fields_ = [("fwd", Attention), ("d_o", Mat), ("delta", ctypes.c_void_p), *[(name, Mat) for name in ("dq", "dk", "dv")], ("any_order", ctypes.c_int32)]


class AdamW(ctypes.Structure):
    _fields_ = [*[(name, ctypes.c_float) for name in ("lr", "beta1", "beta2", "eps", "weight_decay", "grad_scale")], ("step", ctypes.c_int64)]


STRUCTS = {"ctx_mat": Mat, "ctx_attention": Attention, "ctx_attention_grad": AttentionGrad, "ctx_adamw": AdamW}


def read_header():
    """[(field, None or its C argument types)] of the table, the version that it has, and the fields of our structures as the header has them."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", (ROOT / "native/include/ctx_backend.h").read_text(), flags=re.S)
    version = int(re.search(r"#define CTX_BACKEND_VERSION (\d+)", text)[1])
    bodies = {name: body for body, name in re.findall(r"typedef struct \{([^}]*)\} (\w+);", text)}
    table = []
    for declaration in bodies["ctx_backend"].split(";"):
        function = re.search(r"\(\*(\w+)\)\s*\((.*)\)", declaration, flags=re.S)
        if function:
            arguments = [] if function[2].strip() == "void" else [argument.strip() for argument in function[2].split(",")]
            table.append((function[1], declaration.split("(")[0].strip(), arguments))
        elif declaration.strip():
            table.append((re.search(r"(\w+)\s*$", declaration)[1], declaration.strip(), None))
    fields = {}
    for name in STRUCTS:
        fields[name] = [
            re.search(r"(\w+)\s*$", part)[1] for declaration in bodies[name].split(";") for part in declaration.split(",") if part.strip()
        ]
    return version, table, fields


def argument_type(text):
    if "*" in text:
        return ctypes.c_void_p
    words = [word for word in text.split() if word not in ("const", "volatile")]
    # An enum, such as a direction of a transfer, is an int.
    return Mat if words[0] == "ctx_mat" else CONVERSIONS.get(words[0], ctypes.c_int32)


class Failed(Exception):
    """An operation that did not return CTX_OK."""


class Backend:
    """Device `index` of the backend in `library`. `called`: the operations used so far."""

    def __init__(self, library, index=0):
        version, table, fields = read_header()
        for name, struct in STRUCTS.items():
            mine = [field for field, _ in struct._fields_]
            if mine != fields[name]:
                raise Failed(f"test/gpu/backend.py has {name} as {mine}, ctx_backend.h as {fields[name]}")
        self.path, self.library = library, ctypes.CDLL(str(library))
        layout = [(name, (ctypes.c_int32 if name == "version" else ctypes.c_char_p if name == "name" else ctypes.c_void_p)) for name, _, _ in table]
        struct = type("Table", (ctypes.Structure,), {"_fields_": layout})
        self.library.ctx_backend_v1.restype = ctypes.POINTER(struct)
        found = self.library.ctx_backend_v1().contents
        if found.version != version:
            raise Failed(f"{library} has version {found.version} of the table, ctx_backend.h {version}: build it again")
        self.name = found.name.decode()
        self.functions, self.called, self.arrays, self.events = {}, set(), [], []
        for name, returns, arguments in table:
            if arguments is None or not getattr(found, name):
                continue
            result = ctypes.c_char_p if "char" in returns else None if returns == "void" else ctypes.c_int64 if "int64" in returns else ctypes.c_int32
            self.functions[name] = ctypes.CFUNCTYPE(result, *map(argument_type, arguments))(getattr(found, name))
        score = self.functions["score"]()
        if score <= 0:
            raise Failed(f"{library} cannot run here: {self.functions['problem']().decode()}")
        self.device = ctypes.c_void_p()
        if self.functions["create"](index, 4, ctypes.byref(self.device)) != 0:
            raise Failed(self.functions["last_error"](None).decode())

    def close(self):
        self.free()
        for event in self.events:  # of no device
            self.functions["destroy_event"](event)
        self.functions["destroy"](self.device)

    def products(self):
        """What computes matrix products."""
        self.library.ctx_cuda_products.restype = ctypes.c_char_p
        return self.library.ctx_cuda_products().decode()

    def code(self):
        """What the library holds code for, and whether that is all that this GPU needs."""
        self.library.ctx_cuda_code.restype = ctypes.c_char_p
        complete = ctypes.c_int32()
        words = self.library.ctx_cuda_code(self.device, ctypes.byref(complete))
        if words is None:
            raise Failed(self.functions["last_error"](self.device).decode())
        return words.decode(), bool(complete.value)

    def attention_kernel(self, forward, backward=None):
        """Which kernels take a call: sm90, sm90-apart, sm80 or plain. With an AttentionGrad, of the gradients."""
        self.library.ctx_cuda_attention.restype = ctypes.c_char_p
        arguments = [None if call is None else ctypes.byref(call) for call in (forward, backward)]
        return self.library.ctx_cuda_attention(self.device, *arguments).decode()

    def event(self, make="create_event"):
        """A ctx_event, until close(); by create_timer one that tells when it came."""
        event = ctypes.c_void_p()
        getattr(self, make)(ctypes.byref(event))
        self.events.append(event)
        return event

    def seconds_between(self, first, second):
        """Of two timers that have come."""
        seconds = ctypes.c_double()
        if self.functions["elapsed"](first, second, ctypes.byref(seconds)) != 0:
            raise Failed("elapsed: of these two events no time is known")
        return seconds.value

    def __getattr__(self, name):
        function = self.functions[name]

        def call(*arguments):
            self.called.add(name)
            status = function(self.device, *arguments)
            if status:
                raise Failed(f"{name}: status {status}: {self.functions['last_error'](self.device).decode()}")

        return call

    def scratch(self):
        self.called.add("scratch")
        return self.functions["scratch"](self.device)

    def free(self):
        """Releases all arrays made so far."""
        for array in self.arrays:
            array.free()
        self.arrays.clear()

    def devices(self):
        """How many there are."""
        self.called.add("device_info")
        room, count = (ctypes.c_char * 1024)(), 0
        while self.functions["device_info"](count, room) == 0:
            count += 1
        return count

    def array(self, values, pad=0, fill=None):
        from arrays import Array  # with PyTorch, which takes seconds to load

        return Array(self, values, pad, fill)

    def output(self, rows, cols, dtype=None, pad=0):
        """A matrix, of fp32 unless said otherwise, full of NaN: each number must be written."""
        from arrays import unwritten

        return self.array(unwritten(rows, cols, dtype), pad)
