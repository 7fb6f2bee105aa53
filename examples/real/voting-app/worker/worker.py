"""Moves votes from the queue to the database."""

import os

import psycopg2
import redis

queue = redis.Redis(host="redis")
connection = psycopg2.connect(os.environ["DATABASE_URL"])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS votes (id bigserial PRIMARY KEY, vote text NOT NULL)")
while True:
    _, vote = queue.blpop("votes")
    cursor.execute("INSERT INTO votes (vote) VALUES (%s)", (vote.decode(),))
