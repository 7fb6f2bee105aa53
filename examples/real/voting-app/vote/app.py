"""Takes votes (POST /a or /b) and puts them into the queue."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

queue = redis.Redis(host=os.environ["REDIS_HOST"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        queue.ping()
        self.answer(b"post to /a or /b\n")

    def do_POST(self):
        queue.rpush("votes", self.path.strip("/"))
        self.answer(b"counted\n")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 80), Handler).serve_forever()
