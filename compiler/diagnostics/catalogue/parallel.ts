import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX7xxx: devices, ring, batch, memory. */
export const parallel = {
  CTX7001: entry(
    "error",
    "length does not split over the ring",
    message`${"length"} does not split over a ${"layout"} ring of ${"ring"}`,
    message`the length must be divisible by ${"rule"} = ${"multiple"}`,
  ),
  CTX7002: entry(
    "error",
    "batch does not split over the groups",
    message`a batch of ${"batch"} does not split over ${"groups"} data-parallel groups`,
    message`${"devices"} devices ÷ ring ${"ring"} = ${"groups"} groups, each takes the same number of rows`,
  ),
  CTX7003: entry(
    "error",
    "devices do not split into rings",
    message`${"devices"} devices do not split into rings of ${"ring"}`,
    message`devices must be a multiple of ring`,
  ),
  CTX7004: entry(
    "warning",
    "ring too fine",
    message`a ring of ${"ring"} leaves ${"tokens"} tokens on each device`,
    message`below ${"least"} the devices wait for keys and values instead of computing`,
  ),
  CTX7005: entry(
    "error",
    "micro batches do not add up",
    message`micro_batch ${"micro"} does not divide the ${"rows"} rows of each group`,
    message`rows of a group = batch ÷ groups = ${"batch"} ÷ ${"groups"}`,
  ),
  CTX7006: entry(
    "error",
    "device memory",
    message`stage ${"stage"} needs ${"need"} on each device, ${"name"} has ${"have"}`,
    message`${"term"} take ${"termBytes"}; ${"cheapest"}`,
    { lowerable: true },
  ),
  CTX7007: entry(
    "error",
    "host memory",
    message`stage ${"stage"} needs ${"need"} in each host, ${"name"} has ${"have"}`,
    message`${"term"} take ${"termBytes"}`,
    { lowerable: true },
  ),
  CTX7008: entry(
    "error",
    "more devices than there are",
    message`parallel asks for ${"asked"} devices, hardware has ${"have"}`,
    message`lower devices or describe the hardware`,
    { lowerable: true },
  ),
  CTX7009: entry(
    "error",
    "rings side by side on a CPU",
    message`${"devices"} devices in rings of ${"ring"} are ${"groups"} rings, and one process on a CPU computes one`,
    message`leave devices out and start ${"devices"} processes, which form these rings: ctx run --nproc ${"devices"}, or mpirun -n ${"devices"} ctx run`,
  ),
  CTX7010: entry("warning", "no effect on a CPU", message`${"name"} changes nothing on a CPU`, message`${"hint"}`),
  CTX7011: entry("error", "offload without effect", message`${"setting"} ${"problem"}`, message`${"hint"}`),
  CTX7012: entry(
    "warning",
    "efficiency never reached",
    message`an efficiency of ${"efficiency"} is not what training reaches`,
    message`long-context runs reach 5% to 70% of the peak, most of them 30% to 55%`,
  ),
  CTX7013: entry(
    "warning",
    "peak of sparse matrices",
    message`${"peak"} is what a ${"name"} reaches on sparse matrices`,
    message`training multiplies dense ones: half of it, ${"dense"}`,
  ),
  CTX7014: entry(
    "warning",
    "wall time out of reach",
    message`stage ${"stage"} in ${"time"} on ${"devices"} would be an MFU of ${"mfu"}`,
    message`training reaches 5% to 70%: the time, the work or the hardware is not what it was`,
  ),
  CTX7015: entry(
    "info",
    "no room on this machine",
    message`${"what"} needs ${"need"}, and ${"machine"}`,
    message`no hardware is named: ${"hint"}`,
  ),
  CTX7016: entry(
    "error",
    "heads do not split into groups",
    message`${"groups"} groups do not divide the model's ${"kv_heads"} key-value heads`,
    message`a group holds whole key-value heads: ${"legal"}`,
  ),
  CTX7017: entry(
    "error",
    "memory of an evaluation",
    message`${"what"} needs ${"need"}, and ${"name"} has ${"have"}`,
    message`one device takes rows whole, ${"hint"}`,
    { lowerable: true },
  ),
  CTX7018: entry(
    "info",
    "order of sums without effect",
    message`deterministic = false changes nothing ${"where"}`,
    message`${"hint"}`,
  ),
  CTX7019: entry(
    "warning",
    "f32 on GPUs",
    message`in f32 a GPU computes at a small part of its rate`,
    message`products in f32 took 13 times as long on an H200, and attention, whose fast kernels are for bf16 alone, takes longer than the plan says`,
  ),
} as const;
