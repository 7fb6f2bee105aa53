#!/bin/sh
# Says what the image was built to say.
exec jq -r --arg name "${1:-world}" '"\(.greeting), \($name)"' /etc/greeting.json
