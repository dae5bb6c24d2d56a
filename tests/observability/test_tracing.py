# SPDX-License-Identifier: Apache-2.0
import asyncio
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from samovar.config import ObservabilitySettings, OptionsError
from samovar.observability import begin_tracing, end_tracing, span, traced

OPERATION = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def collector():
    """An OpenTelemetry collector as far as a process notices: it takes what is posted."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_operations_id_is_its_traces_id(collector):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    url, received = collector
    begin_tracing(ObservabilitySettings(trace_exporter="otlp", trace_endpoint=url), "engine", "1")
    try:
        with span("CREATE stack", operation_id=OPERATION, stack_id="s"):
            await asyncio.create_task(traced(asyncio.sleep(0), ("apply", "web")))
        with span("GET /stacks", api="orchestration"):
            pass
    finally:
        end_tracing()
    spans = {}
    for path, body in received:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans |= {one.name: one for scope in resource.scope_spans for one in scope.spans}
    assert spans["CREATE stack"].trace_id.hex() == OPERATION.replace("-", "")
    assert spans["apply web"].trace_id == spans["CREATE stack"].trace_id
    assert spans["apply web"].parent_span_id == spans["CREATE stack"].span_id
    assert spans["GET /stacks"].trace_id != spans["CREATE stack"].trace_id


def test_off_it_is_nothing_and_loads_nothing():
    program = (
        "import sys\n"
        "from samovar.config import ObservabilitySettings\n"
        "from samovar.observability import begin_tracing, span\n"
        "begin_tracing(ObservabilitySettings(), 'x', '1')\n"
        "with span('a', operation_id='b'), span('c'):\n    pass\n"
        "print([name for name in sys.modules if 'opentelemetry' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_exporter_is_refused():
    with pytest.raises(OptionsError, match="'jaeger' is not one of none, otlp, console"):
        begin_tracing(ObservabilitySettings(trace_exporter="jaeger"), "x", "1")
