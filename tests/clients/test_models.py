"""What a single model refuses is left out of a request that another vendor's client made, and told."""

import pytest

import python_clients as sdk
from python_clients import Case

# Models by their vendor's rules, which the scripted model holds by the name.
MODELS = [
    ("anthropic", "claude-opus-5-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("openai", "gpt-6-sol"),
    ("responses", "gpt-6-sol"),
]
CASES = [
    (client, upstream, name)
    for client in sdk.CLIENTS
    for upstream, name in MODELS
    # Its own vendor's client gets its own vendor's refusal.
    if client.path != upstream
]


@pytest.mark.parametrize("client, upstream, name", CASES, ids=lambda it: getattr(it, "path", it))
@pytest.mark.parametrize("think", [False, True], ids=["plain", "thinking"])
def test_a_model_gets_what_it_takes(client, upstream, name, think, gateway, model):
    call = {"name": sdk.TOOL, "input": {"city": "Oslo"}}
    # The first request may be sent again with another name for `max_tokens`, which is no failure.
    model.begin([{"calls": [call]}], {})
    case = Case(
        model=f"up_{upstream}/{name}", temperature=0.5, tools=True, must_call=True, think=think, max_tokens=4000
    )
    outcome = client.run(gateway.base, case)
    assert not outcome.error
    assert [arguments for _, _, arguments in outcome.calls] == [{"city": "Oslo"}]
    request = model.report()["requests"][-1]
    assert request["status"] == 200
    dropped = outcome.headers.get("x-distiq-dropped", "").split(", ")
    assert ("temperature" in request["body"]) != ("temperature" in dropped)
    if name != "claude-haiku-4-5":
        assert "temperature" in dropped
