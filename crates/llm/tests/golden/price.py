#!/usr/bin/env python3
"""Prices usage objects with exact decimals, from its own copy of the vendors' price lists.

It shares nothing with the catalogue: not the rows, not the rules, not the arithmetic. A test holds
both against `usages.json`, so that a slip in either shows.

    price.py costs FILE     prints the costs of FILE's rows, one JSON array
    price.py generate       prints a new usages.json (always the same: the seed is fixed)
"""

import json
import random
import sys
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

getcontext().prec = 60

# provider, model, input, output, cache read, default write, 1 h write, tiers (over: in/out/read);
# "-" is no price of its own.
ANTHROPIC = """
claude-fable-5-2   8    40   0.2   10    16
claude-fable-5-1   10   50   0.25  12.5  20
claude-fable-5     10   50   1     12.5  20
claude-opus-5-5    4    20   0.2   5     8
claude-opus-5      5    25   0.5   6.25  10
claude-opus-4-8    5    25   0.5   6.25  10
claude-opus-4-6    5    25   0.5   6.25  10
claude-opus-4-5    5    25   0.5   6.25  10
claude-sonnet-5-5  2    10   0.1   2.5   4
claude-sonnet-5    2    10   0.2   2.5   4
claude-sonnet-4-6  3    15   0.3   3.75  6
claude-sonnet-4-5  3    15   0.3   3.75  6
claude-haiku-5-5   0.1  0.5  0.01  0.125 0.2   100000:0.5/2.5/0.05
claude-haiku-4-5   1    5    0.1   1.25  2
"""
OPENAI = """
gpt-6.2-astra  8     40   0.4    10     -
gpt-6.2-sol    2     10   0.1    2.5    -
gpt-6-astra    10    50   1      12.5   -   272000:20/75/2
gpt-6.1-sol    2     10   0.1    2.5    -   272000:4/15/0.2
gpt-6.1-terra  1     5    0.05   1.25   -   272000:2/7.5/0.1
gpt-6-sol      2     10   0.2    2.5    -   272000:4/15/0.4
gpt-6-luna     0.1   0.5  0.01   0.125  -   272000:0.2/0.75/0.02
gpt-5.6-sol    4     20   0.4    5      -   272000:8/30/0.8
gpt-5.6-terra  2     12   0.2    2.5    -   272000:4/18/0.4
gpt-5.6-luna   0.2   1.2  0.02   0.25   -   272000:0.4/1.8/0.04
gpt-5.5        5     30   0.5    -      -   272000:10/45/1
gpt-5.4        2.5   15   0.25   -      -   272000:5/22.5/0.5
gpt-5.4-mini   0.75  4.5  0.075  -      -
gpt-5.3-codex  1.75  14   0.175  -      -
gpt-5.2        1.75  14   0.175  -      -
gpt-5-mini     0.25  2    0.025  -      -
o3             2     8    0.5    -      -
o4-mini        1.1   4.4  0.275  -      -
gpt-4.1        2     8    0.5    -      -
"""
OTHERS = """
gemini     gemini-4-argon          2     10    0.1    -    -
gemini     gemini-3.1-pro-preview  2     12    0.2    -    -   200000:4/18/0.4
gemini     gemini-3.8-flash        0.75  3.75  0.075  -    -
gemini     gemini-3.6-flash        0.75  3.75  0.075  -    -
gemini     gemini-3.5-flash-lite   0.3   2.5   0.03   -    -
gemini     gemini-2.5-pro          1.25  10    0.125  -    -   200000:2.5/15/0.25
gemini     gemini-2.5-flash        0.3   2.5   0.03   -    -
deepseek   deepseek-v4-pro         1.32  3.96  0.044  0    -
deepseek   deepseek-flash          0.3   1.2   0.006  0    -
xai        grok-4.7                2     6     0.5    -    -   200000:4/12/1
xai        grok-4.5                2     6     0.3    -    -   200000:4/12/0.6
xai        grok-4.3                1.25  2.5   0.2    -    -   200000:2.5/5/0.4
xai        grok-build-0.1          1     2     0.2    -    -   200000:2/4/0.4
xai        grok-code-fast          1     2     0.2    -    -   200000:2/4/0.4
moonshot   kimi-k3.1-pro           2     10    0.2    2    4
moonshot   kimi-k3                 3     15    0.3    3    6
moonshot   kimi-k2.7-code          0.95  4     0.19   -    -
zai        glm-5.3                 1.4   4.4   0.26   0    -
zai        glm-5.3-flash           0.15  0.5   0.03   0    -
zai        glm-5-code              1.2   5     0.3    0    -
zai        glm-4.7                 0.6   2.2   0.11   0    -
mistral    mistral-large-4         1.36  4.18  0.14   -    -
mistral    mistral-medium-latest   1.5   7.5   0.15   -    -
mistral    devstral-latest         0.4   2     0.04   -    -
mistral    devstral-small-latest   0.1   0.3   0.01   -    -
mistral    codestral-latest        0.3   0.9   0.03   -    -
groq       openai/gpt-oss-120b     0.15  0.6   0.075  -    -
groq       openai/gpt-oss-20b      0.075 0.3   0.0375 -    -
groq       qwen/qwen3.8-27b        0.8   4     -      -    -
dashscope  qwen3.8-max             2     6     0.25   -    -
dashscope  qwen3.8-flash           0.15  0.47  0.016  0.2  -
dashscope  qwen3-coder-plus        1     5     0.1    -    -   32000:1.8/9/0.18 128000:3/15/0.3 256000:6/60/0.6
deepinfra  Qwen/Qwen3-Coder-480B-A35B-Instruct-Turbo  0.3 1 0.1 - -
"""
EMBEDDINGS = {
    ("openai", "text-embedding-3-small"): "0.02",
    ("openai", "text-embedding-3-large"): "0.13",
    ("gemini", "gemini-embedding-001"): "0.15",
    ("gemini", "gemini-embedding-2"): "0.20",
    ("mistral", "codestral-embed"): "0.15",
    ("voyage", "voyage-code-3"): "0.18",
}
NO_BATCH = {"claude-fable-5-2", "gpt-6.2-astra", "gpt-6.2-sol", "gpt-5.3-codex"}
US = {
    "claude-fable-5-2", "claude-fable-5-1", "claude-fable-5", "claude-opus-5-5", "claude-opus-5",
    "claude-opus-4-8", "claude-opus-4-6", "claude-sonnet-5-5", "claude-sonnet-5",
    "claude-sonnet-4-6", "claude-haiku-5-5",
}
FAST = {"claude-opus-4-8", "claude-opus-5", "claude-opus-5-5"}
ULTRAFAST = {"gpt-6-astra", "gpt-6.1-sol"}
ALIASES = {
    ("anthropic", "claude-sonnet-4-5-20250929"): "claude-sonnet-4-5",
    ("anthropic", "claude-haiku-4-5-20251001"): "claude-haiku-4-5",
    ("anthropic", "claude-mythos-5-1"): "claude-fable-5-1",
    ("openai", "gpt-5.2-2026-01-01"): "gpt-5.2",
    ("deepseek", "deepseek-v4-flash"): "deepseek-flash",
}
LOCAL = {"ollama", "lm_studio", "llamacpp", "vllm"}


def decimal(text):
    return None if text == "-" else Decimal(text)


def read_rows():
    rows = {}
    lines = [("anthropic " + line).split() for line in ANTHROPIC.split("\n") if line]
    lines += [("openai " + line).split() for line in OPENAI.split("\n") if line]
    lines += [line.split() for line in OTHERS.split("\n") if line]
    for provider, model, *cells in lines:
        prices = [decimal(cell) for cell in cells[:5]]
        tiers = []
        for tier in cells[5:]:
            over, tier_prices = tier.split(":")
            tiers.append((int(over), [Decimal(p) for p in tier_prices.split("/")]))
        rows[provider, model] = (prices, tiers)
    return rows


ROWS = read_rows()


def list_prices(provider, model, at, prompt):
    """Dollars per million tokens: input, output, read, write, long write."""
    if (provider, model) in EMBEDDINGS:
        return [Decimal(EMBEDDINGS[provider, model]), Decimal(0), None, None, None]
    (inp, out, read, write, long), tiers = ROWS[provider, model]
    writes_cost = write is not None and write > 0
    for over, prices in tiers:
        if prompt > over:
            inp, out, read = prices
            if provider == "anthropic":
                write, long = inp * Decimal("1.25"), inp * 2
            elif provider == "openai" and writes_cost:
                write = inp * Decimal("1.25")
    if provider == "openai" and writes_cost:
        long = inp * Decimal("2.5")
    if model == "claude-sonnet-5-5" and at < datetime(2026, 10, 7, tzinfo=timezone.utc):
        read = Decimal("0.2")
    if model == "gemini-4-argon" and at >= datetime(2026, 12, 1, tzinfo=timezone.utc):
        inp, out, read = Decimal(4), Decimal(20), Decimal("0.2")
    if model in ("gemini-3.8-flash", "gemini-3.6-flash"):
        if at >= datetime(2027, 1, 1, tzinfo=timezone.utc):
            inp, out, read = Decimal("1.5"), Decimal("7.5"), Decimal("0.15")
    if provider == "deepseek":
        busy = at.weekday() < 5 and (1 <= at.hour < 4 or 6 <= at.hour < 10)
        if not busy:
            inp, out, read, write = inp / 2, out / 2, read / 2, write / 2
    return [inp, out, read, write, long]


def factor(row, provider, model):
    factor = Decimal(1)
    if (provider, model) in EMBEDDINGS:
        return factor
    if row.get("batch"):
        if provider in ("anthropic", "openai", "gemini") and model not in NO_BATCH:
            factor *= Decimal("0.5")
        if provider == "xai":
            factor *= Decimal("0.8")
    if model in US and row.get("geo") == "us":
        factor *= Decimal("1.1")
    if model in FAST and row.get("speed") == "fast":
        factor *= 2
    tier = row.get("service_tier")
    if provider == "openai":
        if tier == "flex":
            factor *= Decimal("0.5")
        elif tier in ("priority", "fast"):
            factor *= 2
        elif tier == "ultrafast" and model in ULTRAFAST:
            factor *= 6
    if provider == "gemini":
        factor *= {"flex": Decimal("0.5"), "priority": Decimal("1.8")}.get(tier, 1)
    return factor


def overlay(reports):
    whole = {}
    for report in reports:
        whole.update({key: value for key, value in report.items() if value is not None})
    return whole


def classes(shape, usage):
    """Tokens as input, output, read, write, long write."""
    get = lambda table, key: (table or {}).get(key) or 0
    if shape == "classes":
        names = ("input", "output", "cache_read", "cache_write", "cache_write_long")
        return [get(usage, name) for name in names]
    if shape == "anthropic":
        long = get(usage.get("cache_creation"), "ephemeral_1h_input_tokens")
        created = get(usage, "cache_creation_input_tokens")
        return [get(usage, "input_tokens"), get(usage, "output_tokens"),
                get(usage, "cache_read_input_tokens"), created - long, long]
    details = usage.get("prompt_tokens_details")
    read = get(details, "cached_tokens") or get(usage, "prompt_cache_hit_tokens")
    write = get(details, "cache_write_tokens")
    return [get(usage, "prompt_tokens") - read - write, get(usage, "completion_tokens"),
            read, write, 0]


def cost(row):
    provider, model = row["provider"], row["model"]
    if not row["reports"]:
        return None
    if provider in LOCAL:
        return 0
    model = ALIASES.get((provider, model), model)
    if (provider, model) not in ROWS and (provider, model) not in EMBEDDINGS:
        return None
    tokens = classes(row["shape"], overlay(row["reports"]))
    prompt = tokens[0] + tokens[2] + tokens[3] + tokens[4]
    at = datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
    prices = list_prices(provider, model, at, prompt)
    prices = [prices[0] if price is None else price for price in prices]
    dollars = sum(t * p for t, p in zip(tokens, prices)) / 1_000_000 * factor(row, provider, model)
    return int((dollars * 1_000_000_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


# What follows makes the rows.

def row(name, provider, model, at, shape, reports, **context):
    return {"name": name, "provider": provider, "model": model, "at": at, "shape": shape,
            "reports": reports, **context}


def plain(input=0, output=0, cache_read=0, cache_write=0, cache_write_long=0):
    return [dict(input=input, output=output, cache_read=cache_read, cache_write=cache_write,
                 cache_write_long=cache_write_long)]


def without_zeros(reports):
    return [{key: value for key, value in report.items() if value != 0} for report in reports]


def edges():
    noon = "2026-11-21T12:00:00Z"
    rows = []
    add = lambda *args, **context: rows.append(row(*args, **context))
    # Tiers: the whole request, once the prompt, cached tokens included, is over the line.
    lines = [(*key, over) for key, (_, tiers) in ROWS.items() for over, _ in tiers]
    for provider, model, line in lines:
        for off in (-1, 0, 1):
            add(f"tier {line}{off:+}", provider, model, noon, "classes",
                plain(input=line + off, output=777))
        add(f"tier {line} by reads", provider, model, noon, "classes",
            plain(input=11, cache_read=line - 10, output=1001))
        add(f"tier {line} by writes", provider, model, noon, "classes",
            plain(input=1, cache_write=line - 5, cache_write_long=5, output=3))
    # Days on which prices change: the last moment before, the first after.
    for provider, model, day in [
        ("anthropic", "claude-sonnet-5-5", "2026-10-07"), ("gemini", "gemini-4-argon", "2026-12-01"),
        ("gemini", "gemini-3.8-flash", "2027-01-01"), ("gemini", "gemini-3.6-flash", "2027-01-01"),
    ]:
        day = datetime.fromisoformat(day + "T00:00:00+00:00")
        for off in (-1, 0, 1):
            at = (day + timedelta(seconds=off)).isoformat().replace("+00:00", "Z")
            add(f"change {off:+} s", provider, model, at, "classes",
                plain(input=1234, cache_read=98_765, cache_write=432, output=567))
    # DeepSeek's busy hours, Monday to Friday; 2026-11-20 is a Friday.
    for model in ("deepseek-v4-pro", "deepseek-flash", "deepseek-v4-flash"):
        for at in ("20T00:59:59", "20T01:00:00", "20T03:59:59", "20T04:00:00", "20T05:59:59",
                   "20T06:00:00", "20T09:59:59", "20T10:00:00", "21T02:00:00", "22T07:00:00",
                   "23T01:00:00"):
            usage = {"prompt_tokens": 5001, "completion_tokens": 333, "total_tokens": 5334,
                     "prompt_cache_hit_tokens": 4096, "prompt_cache_miss_tokens": 905}
            add("busy hours", "deepseek", model, f"2026-11-{at}Z", "openai", [usage])
    # Both lifetimes of a write, as Anthropic reports them; a report that does not split is short.
    for model in ("claude-opus-5-5", "claude-sonnet-4-5-20250929", "claude-mythos-5-1"):
        split = {"input_tokens": 12, "cache_creation_input_tokens": 900,
                 "cache_read_input_tokens": 20_000, "output_tokens": 45,
                 "cache_creation": {"ephemeral_5m_input_tokens": 300,
                                    "ephemeral_1h_input_tokens": 600}}
        add("both lifetimes", "anthropic", model, noon, "anthropic", [split])
        add("unsplit write", "anthropic", model, noon, "anthropic",
            [{k: v for k, v in split.items() if k != "cache_creation"}])
        add("nulls", "anthropic", model, noon, "anthropic",
            [{**split, "cache_read_input_tokens": None, "cache_creation": None}])
    for model in ("gpt-6-astra", "gpt-6.2-astra", "gpt-5.6-luna", "gpt-5.4"):
        add("long write", "openai", model, noon, "classes",
            plain(input=5, cache_write=70, cache_write_long=900, output=2))
        add("default write", "openai", model, noon, "openai",
            [{"prompt_tokens": 2000, "completion_tokens": 50, "total_tokens": 2050,
              "prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 300},
              "completion_tokens_details": {"reasoning_tokens": 20}}])
    # Surcharges and discounts, alone and together; a model without one keeps its price.
    usage = plain(input=1001, output=203, cache_read=30_007, cache_write=409, cache_write_long=51)
    for model in ("claude-opus-5", "claude-fable-5-2", "claude-sonnet-4-5", "claude-haiku-4-5"):
        for context in ({"batch": True}, {"geo": "us"}, {"speed": "fast"}, {"geo": "global"},
                        {"speed": "standard"}, {"batch": True, "geo": "us", "speed": "fast"}):
            add("factors", "anthropic", model, noon, "classes", usage, **context)
    for model in ("gpt-6.1-sol", "gpt-5.3-codex"):
        for context in ({"batch": True}, {"service_tier": "flex"}, {"service_tier": "priority"},
                        {"service_tier": "fast"}, {"service_tier": "ultrafast"},
                        {"service_tier": "default"}):
            add("factors", "openai", model, noon, "classes", usage, **context)
    for context in ({"batch": True}, {"service_tier": "flex"}, {"service_tier": "priority"}):
        add("factors", "gemini", "gemini-2.5-pro", noon, "classes", usage, **context)
        add("factors", "xai", "grok-4.5", noon, "classes", usage, **context)
        add("factors", "moonshot", "kimi-k3", noon, "classes", usage, **context)
    # Streams that were cut: what was reported counts; nothing reported is no cost, not zero.
    start = {"input_tokens": 25, "cache_creation_input_tokens": 100,
             "cache_read_input_tokens": 40_000, "output_tokens": 1,
             "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0}}
    add("cut after the start", "anthropic", "claude-sonnet-5", noon, "anthropic", [start])
    add("whole stream", "anthropic", "claude-sonnet-5", noon, "anthropic",
        [start, {"output_tokens": 812}])
    add("corrected stream", "anthropic", "claude-sonnet-5", noon, "anthropic",
        [start, {"output_tokens": 300, "input_tokens": None}, {"output_tokens": 900}])
    add("cut before the start", "anthropic", "claude-sonnet-5", noon, "anthropic", [])
    add("cut before the usage", "openai", "gpt-6-sol", noon, "openai", [])
    add("missing usage", "ollama", "qwen3:8b", noon, "openai", [])
    add("no details", "openai", "gpt-5.2-2026-01-01", noon, "openai",
        [{"prompt_tokens": 321, "completion_tokens": 9, "total_tokens": 330}])
    add("nothing used", "openai", "gpt-5.2", noon, "classes", plain())
    # Rounding: halves go to the even nano-dollar.
    for tokens in range(1, 9):
        add("half a nano-dollar", "groq", "openai/gpt-oss-20b", noon, "classes",
            plain(cache_read=tokens))
        add("tenths", "anthropic", "claude-haiku-5-5", noon, "classes",
            plain(cache_write=tokens, cache_read=tokens), geo="us", batch=True)
    # What is not known has no price; what runs here has none to pay.
    add("unknown model", "anthropic", "claude-unheard-of", noon, "classes", plain(input=10))
    add("unknown provider", "nowhere", "unheard-of", noon, "classes", plain(input=10))
    for provider in sorted(LOCAL):
        add("local", provider, "qwen3:8b", noon, "classes", plain(input=10**9, output=10**6))
    add("huge", "openai", "gpt-6-astra", noon, "classes", plain(input=10**12, output=10**12))
    return rows


def every_model():
    rows = []
    for (provider, model) in list(ROWS) + list(EMBEDDINGS):
        rows.append(row("every class", provider, model, "2026-11-20T02:30:00Z", "classes",
                        plain(input=10_007, output=1_009, cache_read=8_009, cache_write=613,
                              cache_write_long=401)))
        for context in ({"batch": True}, {"geo": "us"}, {"speed": "fast"},
                        {"service_tier": "flex"}, {"service_tier": "priority"},
                        {"service_tier": "ultrafast"}):
            rows.append(row("every factor", provider, model, "2026-11-20T02:30:00Z", "classes",
                            plain(input=1_003, output=97), **context))
    return rows


def drawn(count):
    random.seed(20261121)
    rows, start = [], datetime(2026, 9, 1, tzinfo=timezone.utc)
    for _ in range(count):
        provider, model = random.choice(list(ROWS))
        at = (start + timedelta(seconds=random.randrange(150 * 86_400))).isoformat()
        size = random.choice([300, 30_000, 300_000])
        draw = lambda: random.choice([0, random.randrange(size)])
        context = {}
        if random.random() < 0.2:
            context["batch"] = True
        if random.random() < 0.1:
            context["service_tier"] = random.choice(["flex", "priority", "default"])
        if random.random() < 0.1:
            context["speed"] = "fast"
        if random.random() < 0.1:
            context["geo"] = "us"
        usage = plain(draw(), random.randrange(8_000), draw(), draw(), draw())
        rows.append(row("drawn", provider, model, at.replace("+00:00", "Z"), "classes", usage,
                        **context))
    return rows


def main():
    if sys.argv[1:] == ["generate"]:
        rows = edges() + every_model() + drawn(160)
        for each in rows:
            if each["shape"] == "classes":
                each["reports"] = without_zeros(each["reports"])
        lines = [json.dumps({**row, "cost_nanousd": cost(row)}) for row in rows]
        print("[\n" + ",\n".join(lines) + "\n]")
    elif sys.argv[1:2] == ["costs"] and len(sys.argv) == 3:
        with open(sys.argv[2], encoding="utf-8") as file:
            print(json.dumps([cost(row) for row in json.load(file)]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
