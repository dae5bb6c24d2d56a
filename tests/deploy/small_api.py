# SPDX-License-Identifier: Apache-2.0
"""python small_api.py ADDRESS PORT NAME FILE: answers with its name, is ready, and notes each POST in FILE."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        forwarded = self.headers.get("x-forwarded-proto", "")
        body = f"{sys.argv[3]} {self.command} {self.path} {forwarded}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        with open(sys.argv[4], "a") as file:
            file.write(f"{sys.argv[3]} {self.path}\n")
        self.do_GET()

    def do_OPTIONS(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 100


Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
