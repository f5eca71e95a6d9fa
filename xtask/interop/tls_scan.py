"""Scans a TLS port by the package sslyze.

tls_scan.py HOST PORT             prints "ok CASE" or "failed CASE: why" for each case
"""

import socket
import ssl
import sys

from sslyze import Scanner, ServerNetworkLocation, ServerScanRequest, ServerScanStatusEnum
from sslyze.plugins.robot.implementation import RobotScanResultEnum


def suites(attempt):
    return sorted(accepted.cipher_suite.name for accepted in attempt.result.accepted_cipher_suites)


def cases(result):
    for name in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        found = suites(getattr(result, f"{name}_cipher_suites"))
        yield f"{name}_refused", not found, found
    tls12, tls13 = suites(result.tls_1_2_cipher_suites), suites(result.tls_1_3_cipher_suites)
    yield "tls_1_2_accepted", bool(tls12), "no suite"
    yield "tls_1_3_accepted", bool(tls13), "no suite"
    strong = [suite for suite in tls12 if "_ECDHE_" in suite and ("_GCM_" in suite or "_CHACHA20_" in suite)]
    weak = sorted(set(tls12) - set(strong))
    yield "tls_1_2_forward_secret_and_aead_only", not weak, weak
    yield "no_compression", not result.tls_compression.result.supports_compression, "supported"
    yield "no_heartbleed", not result.heartbleed.result.is_vulnerable_to_heartbleed, "vulnerable"
    yield "no_ccs_injection", not result.openssl_ccs_injection.result.is_vulnerable_to_ccs_injection, "vulnerable"
    robot = result.robot.result.robot_result
    safe = (RobotScanResultEnum.NOT_VULNERABLE_NO_ORACLE, RobotScanResultEnum.NOT_VULNERABLE_RSA_NOT_SUPPORTED)
    yield "no_robot", robot in safe, robot
    renegotiation = result.session_renegotiation.result
    yield "no_renegotiation_by_clients", not renegotiation.is_vulnerable_to_client_renegotiation_dos, "accepted"
    curves = [curve.name for curve in result.elliptic_curves.result.supported_curves]
    yield "x25519_offered", "X25519" in curves, curves
    early = result.tls_1_3_early_data.result.supports_early_data
    yield "no_early_data", not early, "accepted"


def resumptions(host, port):
    """By Python's ssl: the client that sslyze uses for this has no extended master secret (RFC 7627), without which
    the edge speaks no TLS 1.2."""
    for name, version in (("1_2", ssl.TLSVersion.TLSv1_2), ("1_3", ssl.TLSVersion.TLSv1_3)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        session = None
        for _ in range(2):
            with socket.create_connection((host, port), timeout=10) as plain:
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    while tls.recv(65536):
                        pass
                    session, reused = tls.session, tls.session_reused
        yield f"sessions_of_tls_{name}_resume_by_ticket", reused, "no ticket is taken"


def tell(found):
    for name, holds, why in found:
        print(f"ok {name}" if holds else f"failed {name}: {why}", flush=True)


def main():
    tell(resumptions(sys.argv[1], int(sys.argv[2])))
    scanner = Scanner()
    scanner.queue_scans([ServerScanRequest(ServerNetworkLocation("localhost", int(sys.argv[2]), sys.argv[1]))])
    for scan in scanner.get_results():
        if scan.scan_status != ServerScanStatusEnum.COMPLETED:
            print(f"failed scan: {scan.connectivity_error_trace or scan.scan_status}".replace("\n", " "))
            return
        tell(cases(scan.scan_result))


main()
