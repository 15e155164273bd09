"""Reference numbers for the encoders of nomic's and jina's, written from their papers with numpy and from nothing of Distiq's.

    python3 families.py > families.txt

Nussbaum and others, "Nomic Embed" (2024); Günther and others, "Jina Embeddings 2" (2023); Su and others, "RoFormer" (2021);
Press and others, "Train Short, Test Long" (2022); Shazeer, "GLU Variants Improve Transformer" (2020).
Tensors are numbered in the order of their names; number i of tensor t is sin(0.7 i + t) / 2; what stretches is 1 more.
"""

import math

import numpy as np

WIDTH, HEADS, LAYERS, WIDE, VOCAB, EPS = 12, 3, 2, 16, 12, 1e-6
ERF = np.vectorize(math.erf)


def gelu(x):
    return x * 0.5 * (1 + ERF(x / math.sqrt(2)))


def silu(x):
    return x / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def shapes(kind, biases):
    """The tensors of a model, by name."""
    all = {"embeddings.word_embeddings.weight": (VOCAB, WIDTH), "embeddings.token_type_embeddings.weight": (2, WIDTH)}

    def norm(name):
        all[name + ".weight"] = all[name + ".bias"] = (WIDTH,)

    def linear(name, outputs, inputs, has_bias=True):
        all[name + ".weight"] = (outputs, inputs)
        if has_bias:
            all[name + ".bias"] = (outputs,)

    norm("emb_ln" if kind == "nomic" else "embeddings.LayerNorm")
    for at in range(LAYERS):
        if kind == "nomic":
            p = f"encoder.layers.{at}."
            linear(p + "attn.Wqkv", 3 * WIDTH, WIDTH, biases)
            linear(p + "attn.out_proj", WIDTH, WIDTH, biases)
            linear(p + "mlp.fc11", WIDE, WIDTH, biases)
            linear(p + "mlp.fc12", WIDE, WIDTH, biases)
            linear(p + "mlp.fc2", WIDTH, WIDE, biases)
            norm(p + "norm1")
            norm(p + "norm2")
            continue
        p = f"encoder.layer.{at}."
        for part in ("query", "key", "value"):
            linear(p + "attention.self." + part, WIDTH, WIDTH)
        linear(p + "attention.output.dense", WIDTH, WIDTH)
        norm(p + "attention.output.LayerNorm")
        if kind == "jina":
            linear(p + "mlp.gated_layers", 2 * WIDE, WIDTH, False)
            linear(p + "mlp.wo", WIDTH, WIDE)
            norm(p + "mlp.layernorm")
        else:
            norm(p + "attention.self.layer_norm_q")
            norm(p + "attention.self.layer_norm_k")
            norm(p + "layer_norm_1")
            norm(p + "layer_norm_2")
            linear(p + "mlp.up_gated_layer", 2 * WIDE, WIDTH, False)
            linear(p + "mlp.down_layer", WIDTH, WIDE)
    return all


def is_stretch(name):
    return name.endswith(".weight") and any(part in name.lower() for part in ("norm", "emb_ln"))


def weights(kind, biases):
    w = {}
    for t, (name, shape) in enumerate(sorted(shapes(kind, biases).items())):
        values = np.sin(0.7 * np.arange(math.prod(shape)) + t) / 2
        if is_stretch(name):
            values += 1
        w[name] = values.astype(np.float32).astype(np.float64).reshape(shape)
    return w


def slopes(n):
    power = 2 ** math.floor(math.log2(n))
    these = [2 ** (-8 * (k + 1) / power) for k in range(power)]
    others = [2 ** (-8 * (k + 1) / (2 * power)) for k in range(0, 2 * power, 2)]
    return (these + others)[:n]


def turned(vector, place, base, count):
    """The first `count` numbers of a head's vector as complex ones, each turned by its angle."""
    half = count // 2
    pairs = vector[:half] + 1j * vector[half:count]
    pairs = pairs * np.exp(1j * place * base ** (-2 * np.arange(half) / count))
    return np.concatenate([pairs.real, pairs.imag, vector[count:]])


def forward(w, kind, ids, activation, base=None, count=None):
    def norm(name, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPS)
        return x * w[name + ".weight"] + w[name + ".bias"]

    def linear(name, x):
        return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)

    def attend(q, k, v):
        out = np.zeros_like(v)
        size = WIDTH // HEADS
        for h in range(HEADS):
            of = slice(h * size, (h + 1) * size)
            for i in range(len(ids)):
                scores = []
                for j in range(len(ids)):
                    a, b = q[i, of], k[j, of]
                    if kind == "nomic":
                        a, b = turned(a, i, base, count), turned(b, j, base, count)
                    score = a @ b / math.sqrt(size)
                    scores.append(score if kind == "nomic" else score - slopes(HEADS)[h] * abs(i - j))
                e = np.exp(np.array(scores) - max(scores))
                out[i, of] = (e / e.sum()) @ v[:, of]
        return out

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm("emb_ln" if kind == "nomic" else "embeddings.LayerNorm", x)
    for at in range(LAYERS):
        if kind == "nomic":
            p = f"encoder.layers.{at}."
            a = attend(*np.split(linear(p + "attn.Wqkv", x), 3, axis=-1))
            x = norm(p + "norm1", x + linear(p + "attn.out_proj", a))
            h = linear(p + "mlp.fc11", x) * activation(linear(p + "mlp.fc12", x))
            x = norm(p + "norm2", x + linear(p + "mlp.fc2", h))
            continue
        p = f"encoder.layer.{at}."
        q, k, v = (linear(p + "attention.self." + part, x) for part in ("query", "key", "value"))
        if kind == "jina-code":
            q, k = norm(p + "attention.self.layer_norm_q", q), norm(p + "attention.self.layer_norm_k", k)
        a = linear(p + "attention.output.dense", attend(q, k, v))
        a = norm(p + "attention.output.LayerNorm", x + a)
        if kind == "jina":
            gate, plain = np.split(linear(p + "mlp.gated_layers", a), 2, axis=-1)
            x = norm(p + "mlp.layernorm", a + linear(p + "mlp.wo", activation(gate) * plain))
        else:
            a = norm(p + "layer_norm_1", x + a)
            plain, gate = np.split(linear(p + "mlp.up_gated_layer", a), 2, axis=-1)
            x = norm(p + "layer_norm_2", a + linear(p + "mlp.down_layer", plain * activation(gate)))
    return x


MODELS = [
    # Name, kind, biases, activation, base and how many numbers of a head are turned.
    ("nomic", "nomic", False, silu, 1000, 4),
    ("nomic-biased", "nomic", True, gelu, 10000, 2),
    ("jina", "jina", True, gelu, None, None),
    ("jina-relu", "jina", True, relu, None, None),
    ("jina-code", "jina-code", True, gelu, None, None),
]

for name, kind, biases, activation, base, count in MODELS:
    w = weights(kind, biases)
    for ids in ([2, 3], [2, 5, 6, 3], [2, 7, 7, 4, 11, 8, 5, 6, 9, 10, 4, 4, 3]):
        v = forward(w, kind, ids, activation, base, count).mean(0)
        v /= np.linalg.norm(v)
        print(name, ",".join(map(str, ids)), " ".join(f"{y:.7f}" for y in v))
