package config

// boxSchema is the box block: its own attributes and the blocks inside it.
func boxSchema() *block {
	attrs := append(boxBaseAttrs(), boxRunAttrs()...)
	attrs = append(attrs, boxLimitAttrs()...)
	attrs = append(attrs, boxNetAttrs()...)
	return &block{name: "box", label: labelBox, doc: "a container of the project", attrs: attrs, blocks: []*block{
		buildSchema(), portSchema(), shareSchema(), boxVolumeSchema(), tmpfsSchema(), joinSchema(), fileSchema(),
		setupSchema(), provisionSchema(), healthcheckSchema(),
		{name: "on", label: labelName, notBuilt: true},
		{name: "secret", label: labelName, notBuilt: true},
		{name: "cache", label: labelName, notBuilt: true},
	}}
}

// templateSchema is a box's schema under another name.
func templateSchema() *block {
	b := boxSchema()
	b.name, b.label, b.like, b.doc = "template", labelName, b.name, "what several boxes share: a box's attributes and blocks, which make nothing by themselves; boxes take it with `from`"
	return b
}

func boxBaseAttrs() []attribute {
	return []attribute{
		enabledAttr(),
		{name: "image", kind: kindString, rule: imageReference, doc: "the base, as \"debian:bookworm-slim\"; excludes build"},
		{name: "from", kind: kindExpr, doc: "what the box is made from: a definition (\"go\", \"./boxes/web\"), template.NAME, or a list of such; what it says itself comes on top"},
		{name: "with", kind: kindInputs, doc: "the definition's variables, as { version = \"1.26\" }"},
		{name: "packages", kind: kindAppend, rule: packageName, doc: "packages of the image's own manager, as \"curl\" or \"curl=8.5.0\"; a later layer appends"},
		{name: "primary", kind: kindBool, def: "false; the first box is", doc: "what `envy ssh` enters"},
		{name: "autostart", kind: kindBool, def: "true", doc: "false: only `envy up BOX` starts it"},
		{name: "count", kind: kindInt, early: true, max: maxBoxes, doc: "number of replicas, named NAME-1 and on"},
		{name: "depends_on", kind: kindAppend, rule: hostLabel, doc: "boxes that must be ready first; a later layer appends"},
		{name: "labels", kind: kindMap, doc: "labels on the container"},
		{name: "message", kind: kindText, doc: "printed after up"},
	}
}

func boxRunAttrs() []attribute {
	return []attribute{
		{name: "service", kind: kindBool, def: "false", doc: "run what the image runs"},
		{name: "oneshot", kind: kindBool, def: "false", doc: "run the command to its end, once; dependents wait for it"},
		{name: "command", kind: kindCommand, doc: "the command, a list or a string split into words; the image's entrypoint is kept"},
		{name: "entrypoint", kind: kindCommand, doc: "the entrypoint; the image's command is dropped"},
		{name: "env", kind: kindEnv, secret: true, doc: "environment; null unsets"},
		{name: "env_file", kind: kindOneMany, rule: insidePath, doc: "files of NAME=value lines; a later one wins, env wins over all"},
		{name: "path", kind: kindList, rule: pathEntry, doc: "directories before the image's PATH"},
		{name: "user", kind: kindString, rule: userName, def: "the image's", doc: "a name (made with your ids where the image lacks it) or uid[:gid]"},
		{name: "login", kind: kindString, rule: userName, def: "user", doc: "user of ssh, exec and provision"},
		{name: "groups", kind: kindList, rule: groupName, doc: "further groups of user and login, by name or number"},
		{name: "workdir", kind: kindString, rule: absolutePath, def: "the first share's target, else the image's", doc: "working directory"},
		{name: "shell", kind: kindString, rule: absolutePath, def: "the user's own", doc: "login shell"},
		{name: "restart", kind: kindString, rule: restartPolicy, def: "\"no\"", doc: "no, always, unless-stopped or on-failure[:N]"},
		{name: "stop_signal", kind: kindString, rule: signalName, near: signalSpellings(), def: "the image's", doc: "signal that stops the box"},
		{name: "stop_timeout", kind: kindTime, def: "\"10s\"", doc: "time to stop before the box is killed"},
		{name: "wait_timeout", kind: kindTime, def: "up's --timeout", doc: "time to become ready"},
	}
}

func boxLimitAttrs() []attribute {
	return []attribute{
		{name: "cpus", kind: kindNumber, doc: "processors, as 1.5"},
		{name: "memory", kind: kindSize, doc: "memory, as \"2g\""},
		{name: "shm_size", kind: kindSize, doc: "size of /dev/shm"},
		{name: "gpus", kind: kindGPUs, rule: gpuID, doc: "\"all\", a number or a list of ids"},
		{name: "ulimits", kind: kindUlimits, doc: "limits by name: a number or { soft, hard }"},
		{name: "platform", kind: kindString, rule: platformName, near: platformNames(), def: "the engine's", doc: "as \"linux/arm64\""},
		{name: "read_only", kind: kindBool, def: "false", doc: "a read-only root file system; no share can be copied into it"},
		{name: "privileged", kind: kindBool, def: "false", doc: "all of the host's devices and rights; excludes cap_drop"},
		{name: "cap_add", kind: kindList, rule: capability, near: capabilitySpellings(), doc: "capabilities more, as \"NET_ADMIN\"; \"ALL\" is every one"},
		{name: "cap_drop", kind: kindList, rule: capability, near: capabilitySpellings(), doc: "capabilities less"},
		{name: "devices", kind: kindList, rule: deviceSpec, doc: "devices of the host, as \"/dev/fuse[:TARGET[:rwm]]\""},
		{name: "security_opt", kind: kindList, rule: securityOption, doc: "seccomp=unconfined or a profile's JSON, apparmor=NAME, label=…, systempaths=unconfined, no-new-privileges"},
		{name: "sysctls", kind: kindMap, doc: "kernel settings that a box has for itself: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*, kernel.domainname"},
	}
}

func boxNetAttrs() []attribute {
	return []attribute{
		{name: "hostname", kind: kindString, rule: dottedName, def: "the box's name", doc: "host name inside"},
		{name: "aliases", kind: kindList, rule: dottedName, doc: "further names in the box's networks"},
		{name: "network_mode", kind: kindString, rule: networkMode, early: true, def: "\"bridge\"", doc: "bridge, host, none or box:NAME"},
		{name: "dns", kind: kindList, rule: ipAddress, doc: "name servers"},
		{name: "extra_hosts", kind: kindMap, rule: hostAddress, doc: "addresses by host name"},
	}
}

func buildSchema() *block {
	return &block{name: "build", doc: "makes the base from a Dockerfile; excludes image", attrs: []attribute{
		enabledAttr(),
		{name: "context", kind: kindString, rule: hostPath, def: "\".\"", doc: "the build's directory"},
		{name: "dockerfile", kind: kindString, rule: contextPath, def: "\"Dockerfile\"", doc: "relative to the context"},
		{name: "target", kind: kindString, rule: stageName, doc: "the stage to build"},
		{name: "args", kind: kindMap, doc: "build arguments"},
	}}
}

func portSchema() *block {
	return &block{name: "port", label: labelName, doc: "publishes a port of the box", attrs: []attribute{
		enabledAttr(),
		{name: "guest", kind: kindInt, early: true, min: 1, max: 65535, def: "the label, when that is a number", doc: "port in the box"},
		{name: "host", kind: kindInt, early: true, min: 1, max: 65535, def: "a free one, kept stable", doc: "port on the host; with count: host + index - 1"},
		{name: "auto", kind: kindBool, early: true, def: "false", doc: "the next free one on a clash"},
		{name: "protocol", kind: kindString, early: true, words: []string{"tcp", "udp"}, def: "\"tcp\"", doc: "tcp or udp"},
		{name: "address", kind: kindString, early: true, rule: ipAddress, def: "\"127.0.0.1\"", doc: "the host's address; another than loopback asks for trust"},
	}}
}

func shareSchema() *block {
	return &block{name: "share", label: labelSource, doc: "a folder or a file of the host inside the box", attrs: []attribute{
		enabledAttr(),
		{name: "source", kind: kindString, rule: hostPath, def: "the label", doc: "path on the host, relative to the Envfile; ~/ is your home"},
		{name: "target", kind: kindString, rule: mountTarget, required: true, doc: "absolute path in the box"},
		{name: "mode", kind: kindString, words: []string{"bind", "copy", "sync"}, def: "\"bind\"", doc: "bind, or copy (once, when the box is made)"},
		{name: "read_only", kind: kindBool, def: "false", doc: "the box cannot write it"},
		{name: "create", kind: kindBool, def: "false", doc: "make a missing source, as a folder"},
	}}
}

func boxVolumeSchema() *block {
	return &block{name: "volume", label: labelName, doc: "a volume: the box's own, or the top level's of that name", attrs: []attribute{
		enabledAttr(),
		{name: "target", kind: kindString, rule: mountTarget, required: true, doc: "absolute path in the box"},
		{name: "read_only", kind: kindBool, def: "false", doc: "the box cannot write it"},
	}}
}

func tmpfsSchema() *block {
	return &block{name: "tmpfs", label: labelTarget, doc: "a file system in memory", attrs: []attribute{
		enabledAttr(),
		{name: "size", kind: kindSize, def: "the engine's own limit", doc: "its size, as \"64m\""},
	}}
}

func joinSchema() *block {
	return &block{name: "network", label: labelName, doc: "joins a network of the top level", attrs: []attribute{
		enabledAttr(),
		{name: "aliases", kind: kindList, rule: dottedName, doc: "further names in this network"},
		{name: "ip", kind: kindString, rule: ipAddress, doc: "a fixed address; the network needs a subnet"},
	}}
}

func fileSchema() *block {
	return &block{name: "file", label: labelTarget, doc: "a file written into the box", attrs: []attribute{
		enabledAttr(),
		{name: "content", kind: kindText, secret: true, doc: "what it holds; excludes source"},
		{name: "source", kind: kindString, rule: insidePath, doc: "a file of the checkout to take the content from"},
		{name: "mode", kind: kindString, rule: fileMode, def: "\"0644\"", doc: "permissions, in octal"},
		{name: "owner", kind: kindString, rule: ownerName, def: "the box's user", doc: "user[:group]"},
	}}
}

func setupSchema() *block {
	return &block{name: "setup", label: labelName, doc: "a step at build time: a layer of the image", attrs: []attribute{
		enabledAttr(),
		{name: "run", kind: kindText, script: true, doc: "a script for sh -e, or with its own #!"},
		{name: "user", kind: kindString, rule: userName, def: "\"root\"", doc: "who runs it; must exist in the image"},
		{name: "env", kind: kindEnv, doc: "its environment"},
		{name: "inputs", kind: kindList, rule: inputPattern, doc: "files of the checkout, or of the definition it stands in, that it sees"},
		{name: "packages", kind: kindAppend, rule: packageName, doc: "packages it needs; they join the box's"},
	}}
}

func provisionSchema() *block {
	return &block{name: "provision", label: labelName, doc: "a script at run time, inside the box", attrs: []attribute{
		enabledAttr(),
		{name: "run", kind: kindText, script: true, secret: true, required: true, doc: "a script for sh -e, or with its own #!"},
		{name: "when", kind: kindString, words: []string{"changed", "once", "always", "never"}, def: "\"changed\"", doc: "changed, once, always or never"},
		{name: "inputs", kind: kindList, rule: inputPattern, doc: "files of the checkout whose change runs it again"},
		{name: "user", kind: kindString, rule: userName, def: "the box's", doc: "who runs it"},
		{name: "env", kind: kindEnv, secret: true, doc: "environment beside the box's"},
		{name: "timeout", kind: kindTime, def: "none", doc: "ended when it takes longer"},
		{name: "after", kind: kindString, words: []string{"healthy"}, doc: "\"healthy\": run behind the healthcheck"},
	}}
}

func healthcheckSchema() *block {
	return &block{name: "healthcheck", doc: "when the box is ready", attrs: []attribute{
		enabledAttr(),
		{name: "command", kind: kindCheck, required: true, script: true, doc: "a string for sh -c, or a list"},
		{name: "interval", kind: kindTime, def: "\"30s\"", doc: "between two probes"},
		{name: "timeout", kind: kindTime, def: "\"30s\"", doc: "of one probe"},
		{name: "retries", kind: kindInt, min: 1, max: 10000, def: "3", doc: "failures that make it unhealthy"},
		{name: "start_period", kind: kindTime, def: "\"0s\"", doc: "failures in it do not count"},
	}}
}
