#!/bin/sh
[ "$(psql -qtAX -d postgres -c 'select 1')" = 1 ]
