"""Reference numbers for the transformer, written from the papers with numpy and from nothing of Distiq's.

    python3 bert.py tiny > tiny.txt          the vectors of the model that the tests make
    python3 bert.py FOLDER TEXTS > out.txt   those of a real model (needs the package `tokenizers`), a text a line

Devlin and others, "BERT" (2018); Vaswani and others, "Attention Is All You Need" (2017).
"""

import json
import math
import struct
import sys

import numpy as np

ERF = np.vectorize(math.erf)


def norm(x, g, b, eps):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * g + b


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def forward(w, config, ids, second=None):
    """The vectors of all pieces; from piece `second` on they are of the second kind."""
    heads, width, eps = config["heads"], config["width"], config["eps"]
    n = len(ids)
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][:n]
    kinds = [int(second is not None and at >= second) for at in range(n)]
    x = x + w["embeddings.token_type_embeddings.weight"][kinds]
    x = norm(x, w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"], eps)
    for at in range(config["layers"]):
        p = f"encoder.layer.{at}."

        def linear(name, x):
            return x @ w[p + name + ".weight"].T + w[p + name + ".bias"]

        def split(x):
            return x.reshape(n, heads, width // heads).transpose(1, 0, 2)

        q, k, v = (split(linear("attention.self." + s, x)) for s in ("query", "key", "value"))
        a = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(width // heads)) @ v
        a = linear("attention.output.dense", a.transpose(1, 0, 2).reshape(n, width))
        x = norm(x + a, w[p + "attention.output.LayerNorm.weight"], w[p + "attention.output.LayerNorm.bias"], eps)
        h = linear("intermediate.dense", x)
        h = h * 0.5 * (1 + ERF(h / math.sqrt(2)))
        h = linear("output.dense", h)
        x = norm(x + h, w[p + "output.LayerNorm.weight"], w[p + "output.LayerNorm.bias"], eps)
    return x


def unit(v):
    return v / np.linalg.norm(v)


TINY = {"heads": 2, "width": 8, "layers": 1, "eps": 1e-12, "wide": 16, "vocab": 12, "positions": 10}


def tiny_weights():
    """Number i of tensor t is sin(0.7 i + t) / 2; what stretches is 1 more. Tensors are numbered in this order."""
    w, h, f = {}, TINY["width"], TINY["wide"]
    shapes = [
        ("embeddings.word_embeddings.weight", (TINY["vocab"], h)),
        ("embeddings.position_embeddings.weight", (TINY["positions"], h)),
        ("embeddings.token_type_embeddings.weight", (2, h)),
        ("embeddings.LayerNorm.weight", (h,)),
        ("embeddings.LayerNorm.bias", (h,)),
    ]
    p = "encoder.layer.0."
    for name, o, i in [
        ("attention.self.query", h, h),
        ("attention.self.key", h, h),
        ("attention.self.value", h, h),
        ("attention.output.dense", h, h),
        ("intermediate.dense", f, h),
        ("output.dense", h, f),
    ]:
        shapes += [(p + name + ".weight", (o, i)), (p + name + ".bias", (o,))]
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes += [(p + name + ".weight", (h,)), (p + name + ".bias", (h,))]
    shapes += [("classifier.weight", (2, h)), ("classifier.bias", (2,))]
    shapes += [("pooler.dense.weight", (h, h)), ("pooler.dense.bias", (h,))]
    for t, (name, shape) in enumerate(shapes):
        count = int(np.prod(shape))
        values = np.sin(0.7 * np.arange(count) + t) / 2
        if name.endswith("LayerNorm.weight"):
            values += 1
        w[name] = values.astype(np.float32).astype(np.float64).reshape(shape)
    return w


def tiny():
    w = tiny_weights()
    for ids in ([2, 3], [2, 5, 6, 3], [2, 7, 7, 4, 11, 8, 3]):
        x = forward(w, TINY, ids)
        for name, v in (("mean", x.mean(0)), ("first", x[0]), ("greatest", x.max(0))):
            print(name, ",".join(map(str, ids)), " ".join(f"{y:.7f}" for y in unit(v)))
        # Of each piece, the chance of the second class.
        chances = softmax(x @ w["classifier.weight"].T + w["classifier.bias"])[:, 1]
        print("second", ",".join(map(str, ids)), " ".join(f"{y:.7f}" for y in chances))
    # How well a text that begins at piece `second` fits the one before it; the last layer has the first class alone.
    for ids, second in (([2, 5, 3, 5, 6, 3], 3), ([2, 7, 7, 3, 9, 3], 4)):
        x = forward(w, TINY, ids, second)[0]
        x = np.tanh(x @ w["pooler.dense.weight"].T + w["pooler.dense.bias"])
        score = x @ w["classifier.weight"][0] + w["classifier.bias"][0]
        print("fits", ",".join(map(str, ids)), f"{score:.7f}")


def real(folder, texts):
    from tokenizers import Tokenizer

    with open(folder + "/model.safetensors", "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    w = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            w[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype(np.float64)
    c = json.load(open(folder + "/config.json"))
    config = {"heads": c["num_attention_heads"], "width": c["hidden_size"], "layers": c["num_hidden_layers"],
              "eps": c["layer_norm_eps"]}
    tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.load(open(folder + "/sentence_bert_config.json"))["max_seq_length"])
    for text in texts:
        ids = tokenizer.encode(text.rstrip("\n")).ids
        v = unit(forward(w, config, ids).mean(0))
        print(",".join(map(str, ids)), " ".join(f"{y:.6f}" for y in v))


if sys.argv[1] == "tiny":
    tiny()
else:
    real(sys.argv[1], open(sys.argv[2], encoding="utf-8"))
