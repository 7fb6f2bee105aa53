#!/bin/sh
# zk.sh ID COUNT: a ZooKeeper of an ensemble, from Debian's package.
set -e
config=/tmp/zoo.cfg
cat >"$config" <<CONFIG
tickTime=2000
initLimit=5
syncLimit=2
dataDir=/var/lib/zookeeper
clientPort=2181
admin.enableServer=false
4lw.commands.whitelist=ruok,srvr,stat
CONFIG
n=1
while [ "$2" -gt 1 ] && [ "$n" -le "$2" ]; do
  echo "server.$n=zk$n:2888:3888" >>"$config"
  n=$((n + 1))
done
echo "$1" >/var/lib/zookeeper/myid
exec java -cp '/usr/share/java/*' org.apache.zookeeper.server.quorum.QuorumPeerMain "$config"
