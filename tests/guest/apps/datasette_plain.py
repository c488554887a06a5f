"""Datasette over a database that is made at import."""

import sqlite3
import tempfile

from datasette.app import Datasette

path = tempfile.mkdtemp() + "/shop.db"
with sqlite3.connect(path) as connection:
    connection.execute("create table things (id integer primary key, name text)")
    connection.executemany("insert into things (name) values (?)", [(f"thing {number}",) for number in range(250)])
connection.close()

app = Datasette([path], secret="for tests").app()
