"""Metrics by Prometheus' own checker, spans by OpenTelemetry's own messages."""

import http.server
import queue
import subprocess
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from conftest import OPERATOR


def checked(promtool, text):
    return subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )


def test_promtool_finds_nothing_to_mend(promtool, start):
    gateway = start()
    empty = gateway.ask("/metrics")
    assert empty[0] == 200
    for _ in range(3):
        assert gateway.message()[0] == 200
    assert gateway.message(model='odd "name"\n\\')[0] == 200
    assert gateway.message(key="wrong")[0] == 401
    assert gateway.message(messages="none")[0] == 400
    status, text = gateway.ask("/metrics")
    assert status == 200 and 'status="ok"} 3' in text and "OPERATOR" not in text
    for page in (empty[1], text):
        found = checked(promtool, page)
        assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    # It would find something.
    assert checked(promtool, "# TYPE a counter\na 1\n").returncode != 0


class Collector:
    """Takes what is posted."""

    def __init__(self):
        self.posts = queue.Queue()
        posts = self.posts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                posts.put((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def fields(span):
    return {f.key: getattr(f.value, f.value.WhichOneof("value")) for f in span.attributes}


def test_spans_are_opentelemetrys_own_messages(start):
    collector = Collector()
    gateway = start(
        {"text": "the words of the answer"},
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_SERVICE_NAME="shop",
        OTEL_EXPORTER_OTLP_HEADERS="x-collector=a%20key",
    )
    assert gateway.message(temperature=0.25)[0] == 200
    path, headers, body = collector.posts.get(timeout=60)
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf" and headers["x-collector"] == "a key"
    batch = ExportTraceServiceRequest.FromString(body)
    # Nothing was read as an unknown field: written anew it is the same.
    assert batch.ByteSize() == len(body)
    [resource] = batch.resource_spans
    assert {f.key: f.value.string_value for f in resource.resource.attributes}["service.name"] == "shop"
    [scope] = resource.scope_spans
    server, client = scope.spans
    assert (server.kind, client.kind) == (2, 3)
    assert (len(server.trace_id), len(server.span_id)) == (16, 8)
    assert client.parent_span_id == server.span_id and client.trace_id == server.trace_id
    assert server.start_time_unix_nano <= client.start_time_unix_nano < client.end_time_unix_nano
    cost = gateway.run("cost")
    told = fields(client)
    assert client.name == "chat claude-sonnet-4-6"
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "anthropic"
    assert told["gen_ai.request.max_tokens"] == 500
    assert told["gen_ai.request.temperature"] == 0.25
    assert told["gen_ai.usage.output_tokens"] == cost["totals"]["usage"]["output"]
    assert round(told["distiq.cost_usd"] * 1e9) == cost["cost_nanousd"]
    assert list(told["gen_ai.response.finish_reasons"].values)[0].string_value
    for secret in (b"the words", OPERATOR.encode()):
        assert secret not in body


def test_the_last_spans_go_out_when_it_stops(start):
    collector = Collector()
    gateway = start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    for _ in range(20):
        assert gateway.message()[0] == 200
    gateway.stop()
    spans = 0
    while not collector.posts.empty():
        batch = ExportTraceServiceRequest.FromString(collector.posts.get()[2])
        spans += sum(len(s.spans) for r in batch.resource_spans for s in r.scope_spans)
    assert spans == 40
