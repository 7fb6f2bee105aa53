"""Moves votes from the queue to the database."""

import psycopg2
import redis

queue = redis.Redis(host="redis")
connection = psycopg2.connect("postgresql://postgres@db/postgres")
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS votes (id bigserial PRIMARY KEY, vote text NOT NULL)")
while True:
    _, vote = queue.blpop("votes")
    cursor.execute("INSERT INTO votes (vote) VALUES (%s)", (vote.decode(),))
