"""What this machine is, what it has for ctx, and what a pack was made of."""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import time
from pathlib import Path

KERNELS = ("native/cuda", "native/include")
ENGINE = ("compiler", "native/addon", "native/cpu", "native/io", "native/model", "native/optim", "native/ring", "runtime", "test/engine", "test/golden", "test/gpu")
ENGINE_FILES = (".cc", ".h", ".ts", ".ctx", ".json", ".safetensors")


def sources_of(root):
    """A hash of the kernels' sources, as pack.mjs has it."""
    return digest(root, [file for folder in KERNELS for file in (root / folder).iterdir() if file.is_file()])


def engine_sources_of(root):
    """The same of what else is built for the check: the engine, what calls it, and the models that it is held against."""
    files = (file for folder in ENGINE for file in (root / folder).rglob("*") if file.suffix in ENGINE_FILES and file.is_file())
    return digest(root, [file for file in files if not any(part.startswith(".") for part in file.relative_to(root).parts)])


def digest(root, files):
    found = hashlib.sha256()
    for name, file in sorted((file.relative_to(root).as_posix(), file) for file in files):
        found.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()


def torch_cublaslt():
    """The environment in which ctx finds the cuBLASLt of this Python's PyTorch, wherever that is installed."""
    if os.environ.get("CTX_CUBLASLT"):
        return {}
    files = (file for folder in sys.path if folder for pattern in ("nvidia/*/lib", "torch/lib") for file in sorted(Path(folder).glob(f"{pattern}/libcublasLt.so.1[23]")))
    return {"CTX_CUBLASLT": str(file) for file in [next(files, None)] if file}


def machine(dry=False):
    """Facts for the page. Dry: without loading PyTorch, to ask it for its GPU."""
    facts = {"python": sys.version.split()[0], "time": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}
    if dry:
        return {**facts, "torch and device": f"{importlib.metadata.version('torch')}, no GPU", "nvidia-smi": "not asked"}
    tell = "import torch; print(torch.__version__); print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU')"
    for name, command in (
        ("torch and device", [sys.executable, "-c", tell]),
        ("nvidia-smi", ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem", "--format=csv,noheader"]),
    ):
        try:
            facts[name] = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip().replace("\n", ", ")
        except (OSError, subprocess.TimeoutExpired) as problem:
            facts[name] = str(problem)
    return facts
