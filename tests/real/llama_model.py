#!/usr/bin/env python3
"""Writes a model of random weights for llama.cpp (0.5 MB): `llama_model.py FILE`.

It speaks nonsense, in whole words: the rows of its output layer for single bytes are zero, so that a
greedy choice takes a word. Needs the `gguf` package."""

import sys

import gguf
import numpy

EMBEDDING, HEADS, INNER, LAYERS, CONTEXT = 64, 4, 128, 2, 65536
SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
WORDS = ["\u2581" + a + b for a in SYLLABLES for b in SYLLABLES[:8]]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def vocabulary(writer):
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(word, kinds.NORMAL) for word in ["\u2581", *WORDS]]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_scores([-float(at) for at in range(len(tokens))])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def main(path):
    random = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    count = vocabulary(writer)
    writer.add_vocab_size(count)

    def tensor(name, *shape):
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(numpy.float32))

    def norm(name):
        writer.add_tensor(name, numpy.ones(EMBEDDING, dtype=numpy.float32))

    tensor("token_embd.weight", count, EMBEDDING)
    output = random.normal(0, 0.3, (count, EMBEDDING)).astype(numpy.float32)
    output[: 3 + 256] = 0
    # Now and then it ends by itself.
    output[2] = random.normal(0, 0.3, EMBEDDING)
    writer.add_tensor("output.weight", output)
    norm("output_norm.weight")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm.weight")
        norm(f"{block}.ffn_norm.weight")
        for name in ("q", "k", "v", "output"):
            tensor(f"{block}.attn_{name}.weight", EMBEDDING, EMBEDDING)
        tensor(f"{block}.ffn_gate.weight", INNER, EMBEDDING)
        tensor(f"{block}.ffn_up.weight", INNER, EMBEDDING)
        tensor(f"{block}.ffn_down.weight", EMBEDDING, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
