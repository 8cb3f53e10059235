#!/usr/bin/env python3
"""Stands in for llama-server in tests: ready at the second look, streams canned pieces, ends when told so by the prompt."""

import http.server
import json
import os
import sys

looks = 0
saved = False


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global looks
        looks += 1
        self.send_response(200 if looks > 1 else 503)
        self.end_headers()

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/slots/0?action="):
            global saved
            saved |= self.path.endswith("=save")
            assert request == {"filename": "slot.bin"}
            self.send_response(200 if saved else 400)
            self.end_headers()
            return
        assert request["json_schema"] == {"type": "object"} and request["stream"]
        if request["prompt"] == [13]:
            print("out of luck", file=sys.stderr, flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        pieces = [{"content": "", "stop": False}, {"content": '{"a"', "stop": False}, {"content": ": 1}", "stop": False}]
        pieces.append({"content": "", "stop": True, "tokens_predicted": len(request["prompt"])})
        if request["prompt"] == [14]:
            pieces.pop()
        for piece in pieces:
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
            self.wfile.flush()

    def log_message(self, *_):
        pass


if "--fail" in sys.argv:
    sys.exit("no such model")
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
