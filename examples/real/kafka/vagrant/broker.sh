#!/bin/sh
# broker.sh ID ADDRESS ZOOKEEPERS: writes the settings of this broker and starts it.
set -e
cat >/tmp/server.properties <<CONFIG
broker.id=$1
advertised.host.name=$2
zookeeper.connect=$3
CONFIG
exec /opt/kafka/bin/server /tmp/server.properties
