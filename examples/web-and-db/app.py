"""Counts its visits in the database. psql stands in for a driver, so that there is nothing to install."""

import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT = "INSERT INTO visit DEFAULT VALUES; SELECT count(*) FROM visit"


def query(sql):
    command = ["psql", "--quiet", "--tuples-only", "--no-align", "--command", sql, os.environ["DATABASE_URL"]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            text = "ok" if self.path == "/healthz" and query("SELECT 1") else f"visit number {query(COUNT)}"
            self.answer(200, text)
        except subprocess.CalledProcessError as failure:
            self.answer(500, failure.stderr)

    def answer(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
