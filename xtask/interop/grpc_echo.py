"""gRPC peers by the package grpcio, the C implementation; messages are plain bytes, so that nothing is generated.

grpc_echo.py server PORT
grpc_echo.py client TARGET [CA]   prints "ok CASE" or "failed CASE: why" for each case
"""

import sys
import threading
from concurrent import futures

import grpc

SERVICE = "interop.Echo"
SIZES = [("grpc.max_receive_message_length", 16 * 1024 * 1024), ("grpc.max_send_message_length", 16 * 1024 * 1024)]


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("x-detail", "told"), ("x-detail-bin", b"\x00\xff")))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked")
    if request == b"wait":
        threading.Event().wait(5)
    if request == b"metadata":
        received = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-initial", received.get("x-sent", "")),))
        context.set_trailing_metadata((("x-trailing", received.get("x-sent", "")),))
    return request


def server_stream(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def client_stream(requests, context):
    return str(sum(int(request) for request in requests)).encode()


def both_stream(requests, context):
    yield from requests


def server(port):
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "BothStream": grpc.stream_stream_rpc_method_handler(both_stream),
    }
    running = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=SIZES)
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    if not running.add_insecure_port(f"127.0.0.1:{port}"):
        raise SystemExit("cannot listen")
    running.start()
    running.wait_for_termination()


def case_unary(channel):
    assert channel.unary_unary(f"/{SERVICE}/Unary")(b"hello", timeout=10) == b"hello"
    assert channel.unary_unary(f"/{SERVICE}/Unary")(b"", timeout=10) == b""


def case_large_message(channel):
    message = bytes(4 * 1024 * 1024)
    assert channel.unary_unary(f"/{SERVICE}/Unary")(message, timeout=20) == message


def case_metadata(channel):
    call = channel.unary_unary(f"/{SERVICE}/Unary")
    _, done = call.with_call(b"metadata", metadata=(("x-sent", "value"),), timeout=10)
    assert ("x-initial", "value") in done.initial_metadata(), done.initial_metadata()
    assert ("x-trailing", "value") in done.trailing_metadata(), done.trailing_metadata()


def case_status_and_trailers(channel):
    try:
        channel.unary_unary(f"/{SERVICE}/Unary")(b"fail", timeout=10)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == "as asked", error.details()
        trailing = dict(error.trailing_metadata())
        assert trailing.get("x-detail") == "told" and trailing.get("x-detail-bin") == b"\x00\xff", trailing
    else:
        raise AssertionError("no error")


def case_unknown_method(channel):
    try:
        channel.unary_unary(f"/{SERVICE}/Nothing")(b"", timeout=10)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    else:
        raise AssertionError("no error")


def case_deadline(channel):
    try:
        channel.unary_unary(f"/{SERVICE}/Unary")(b"wait", timeout=0.5)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    else:
        raise AssertionError("no error")
    case_unary(channel)


def case_server_stream(channel):
    answers = list(channel.unary_stream(f"/{SERVICE}/ServerStream")(b"500", timeout=10))
    assert answers == [str(number).encode() for number in range(500)], len(answers)


def case_client_stream(channel):
    requests = (str(number).encode() for number in range(500))
    assert channel.stream_unary(f"/{SERVICE}/ClientStream")(requests, timeout=10) == b"124750"


def case_both_stream(channel):
    """Each message is sent after the answer to the one before it: neither direction may be held back."""
    turn = threading.Semaphore(1)

    def requests():
        for number in range(50):
            turn.acquire()
            yield str(number).encode()

    seen = []
    for answer in channel.stream_stream(f"/{SERVICE}/BothStream")(requests(), timeout=10):
        seen.append(int(answer))
        turn.release()
    assert seen == list(range(50)), seen


def case_cancel(channel):
    gate = threading.Event()

    def requests():
        yield b"1"
        gate.wait(10)

    call = channel.stream_stream(f"/{SERVICE}/BothStream")(requests(), timeout=10)
    assert next(call) == b"1"
    call.cancel()
    gate.set()
    case_unary(channel)


def client(target, ca):
    if ca:
        with open(ca, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        options = [*SIZES, ("grpc.ssl_target_name_override", "localhost")]
        channel = grpc.secure_channel(target, credentials, options)
    else:
        channel = grpc.insecure_channel(target, SIZES)
    for name, case in globals().copy().items():
        if name.startswith("case_"):
            try:
                case(channel)
                print(f"ok {name.removeprefix('case_')}", flush=True)
            except Exception as error:
                why = f"{type(error).__name__} {error}".replace("\n", " ")
                print(f"failed {name.removeprefix('case_')}: {why}", flush=True)


if sys.argv[1] == "server":
    server(int(sys.argv[2]))
else:
    client(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
