#!/bin/sh
# Stands in for the project's own: makes the databases that the tests want.
set -e
psql -q -c 'CREATE DATABASE activerecord_unittest'
mariadb -h "$MYSQL_HOST" -u rails -e 'CREATE DATABASE activerecord_unittest'
