"""A small byte-pair tokenizer and what Hugging Face's package `tokenizers` makes of some texts with it.

    python3 bytepairs.py SOURCE...    writes bytepairs.json (learned from those files) and bytepairs.txt beside this file

A line of bytepairs.txt is whether a blank is set before a text, the text as JSON, and the pieces' numbers.
"""

import json
import pathlib
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "", " ", "  ", "\n", "a", " a", "  a", "a  b", "a \n b", "a\n\n\n", "\t\tindented\n\t  more\n", "fn main() {}\n",
    "it's we're I've I'm they'll he'd don't 's 'S 'tis", "x1y2 42 3.14 0xff ½ ²³ ٣", "snake_case camelCase !!! ... --> =>",
    "Привет, мир! ёлка", "naïve café e\u0301", "你好,世界", "emoji 🎉🎉 done", "\u00a0nbsp\u2003em\u3000wide", "<s> </s> <unk>",
    "let rows = weights.read(&format!(\"{name}.weight\"), &[outputs, inputs])?;", "the the the attention of the tokens",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\x00\x01\x7f\x85\u200b", "a'b'c 're're 'llama", "  's",
]


def build(adds_blank):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=adds_blank)
    return tokenizer


tokenizer = build(False)
trainer = trainers.BpeTrainer(
    vocab_size=600, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
)
tokenizer.train(sys.argv[1:], trainer)
tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
tokenizer.add_special_tokens([])
settings = json.loads(tokenizer.to_str())
# What looks like a special token is text here.
settings["added_tokens"] = []
(HERE / "bytepairs.json").write_text(json.dumps(settings, ensure_ascii=False, separators=(",", ":")) + "\n")
lines = []
for adds_blank in (False, True):
    settings["pre_tokenizer"]["add_prefix_space"] = adds_blank
    these = Tokenizer.from_str(json.dumps(settings))
    for text in TEXTS:
        lines.append(f"{adds_blank}\t{json.dumps(text)}\t{' '.join(map(str, these.encode(text).ids))}")
(HERE / "bytepairs.txt").write_text("\n".join(lines) + "\n")
