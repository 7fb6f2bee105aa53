package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
)

// What engines and the Linux kernel know by name. A name of none of these would be refused only when networks and volumes
// stand already, or would mean nothing at all.

var (
	variantRE  = lazyre.New(`^v[0-9]+(\.[0-9]+)?$`)
	realTimeRE = lazyre.New(`^RTM(IN(\+([1-9]|1[0-5]))?|AX(-([1-9]|1[0-4]))?)$`)
	sysctlRE   = lazyre.New(`^[a-z0-9_-]+([./][A-Za-z0-9_-]+)+$`)
	numberRE   = lazyre.New(`^[0-9]{1,20}$`)
	semRE      = lazyre.New(`^[0-9]{1,10}([ \t]+[0-9]{1,10}){3}$`)
)

// maxOpenFiles is the highest that fs.nr_open can be set to.
const maxOpenFiles = 1<<31 - 64

// platformName takes what an image of Linux can be built for: boxes are containers of Linux.
func platformName(s string) string {
	os, rest, _ := strings.Cut(s, "/")
	arch, variant, hasVariant := strings.Cut(rest, "/")
	if os != "linux" || !contains(architectures(), arch) || hasVariant && !variantRE.MatchString(variant) {
		return "linux/architecture[/variant], as \"linux/amd64\" or \"linux/arm/v7\""
	}
	return ""
}

func architectures() []string {
	return strings.Fields("386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x")
}

func platformNames() []string {
	return prefixed("linux/", architectures())
}

// signalName takes what an engine can send and the box's PID 1 passes on: the rest belongs to the kernel, or to PID 1
// itself.
func signalName(s string) string {
	short := strings.TrimPrefix(s, "SIG")
	number, err := strconv.Atoi(s)
	switch {
	case err == nil && number >= 1 && number <= 64 && !slices.Contains([]int{7, 8, 11, 17, 19, 23, 27, 32, 33}, number),
		realTimeRE.MatchString(short), contains(signalNames(), short):
		return ""
	case err == nil && number >= 1 && number <= 64, contains(strings.Fields("BUS CHLD CLD FPE PROF SEGV STOP URG"), short):
		return "a signal that can stop a program, as \"SIGTERM\""
	}
	return "a signal's name or number, as \"SIGTERM\""
}

func signalNames() []string {
	return strings.Fields("ABRT ALRM CONT HUP ILL INT IO IOT KILL PIPE POLL PWR QUIT STKFLT SYS TERM TRAP TSTP TTIN TTOU USR1 USR2 VTALRM WINCH XCPU XFSZ")
}

func signalSpellings() []string { return slices.Concat(signalNames(), prefixed("SIG", signalNames())) }

// capability takes a name in any case, with CAP_ before it or without, or ALL, as engines do.
func capability(s string) string {
	name := strings.ToUpper(s)
	if name != "ALL" && !contains(capabilityNames(), strings.TrimPrefix(name, "CAP_")) {
		return "a capability's name, as \"NET_ADMIN\", or \"ALL\""
	}
	return ""
}

func capabilityNames() []string {
	return strings.Fields(`AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
		DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
		NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT
		SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM`)
}

func capabilitySpellings() []string {
	return slices.Concat([]string{"ALL"}, capabilityNames(), prefixed("CAP_", capabilityNames()))
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = prefix + name
	}
	return out
}

func deviceSpec(s string) string {
	parts := strings.Split(s, ":")
	if len(parts) > 3 || absolutePath(parts[0]) != "" {
		return "an absolute path on the host[:path in the box[:rwm]]"
	}
	if len(parts) > 1 && mountTarget(parts[1]) != "" {
		return "an absolute path in the box behind the first colon, below /dev or elsewhere"
	}
	if len(parts) > 2 && !contains(strings.Fields("r w m rw rm wr wm mr mw rwm rmw wrm wmr mrw mwr"), parts[2]) {
		return "permissions out of r, w and m behind the second colon"
	}
	return ""
}

func securityOption(s string) string {
	name, value, found := strings.Cut(s, "=")
	if name == "no-new-privileges" {
		if found && value != "true" && value != "false" {
			return "\"no-new-privileges\", or with =true or =false behind it"
		}
		return ""
	}
	if !found || value == "" {
		return "option=value, as \"seccomp=unconfined\", or \"no-new-privileges\""
	}
	switch name {
	case "seccomp":
		if value != "unconfined" && value != "builtin" && !isObject(value) {
			return "unconfined, builtin or a profile behind seccomp=, as \"seccomp=${jsonencode(jsondecode(file(\"seccomp.json\")))}\""
		}
		return ""
	case "label":
		kind, rest, _ := strings.Cut(value, ":")
		if value != "disable" && (rest == "" || !contains(strings.Fields("user role type level filetype"), kind)) {
			return "disable, or one of user, role, type, level and filetype with its value, as \"label=type:container_t\""
		}
		return ""
	case "systempaths":
		if value != "unconfined" {
			return "\"systempaths=unconfined\""
		}
		return ""
	case "apparmor":
		return ""
	}
	return "one of seccomp, apparmor, label, systempaths, no-new-privileges"
}

// isObject reports whether text is a JSON object.
func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

// sysctlName takes the settings that a container has for itself; engines refuse all others.
func sysctlName(s string) string {
	name := dotted(s)
	switch {
	case !sysctlRE.MatchString(s):
		return "a kernel setting's name, as \"net.core.somaxconn\""
	case strings.HasPrefix(name, "net."), strings.HasPrefix(name, "fs.mqueue."), contains(kernelSettings(), name):
		return ""
	}
	return "a setting that a container has for itself: net.*, fs.mqueue.*, " + strings.Join(kernelSettings(), ", ")
}

// sysctlValue checks what the kernel takes for the settings whose form is known.
func sysctlValue(key, value string) string {
	name := dotted(key)
	switch {
	case value == "":
		return "a value"
	case name == "kernel.domainname", strings.HasPrefix(name, "net."):
		return ""
	case name == "kernel.sem" && !semRE.MatchString(value):
		return "four whole numbers, as \"250 32000 100 128\""
	case name != "kernel.sem" && !numberRE.MatchString(value):
		return "a whole number"
	}
	return ""
}

func kernelSettings() []string {
	return prefixed("kernel.", strings.Fields("domainname msgmax msgmnb msgmni sem shm_rmid_forced shmall shmmax shmmni"))
}

// dotted is a setting's name with dots, where slashes may part it, too.
func dotted(s string) string {
	if first := strings.IndexAny(s, "./"); first < 0 || s[first] == '.' {
		return s
	}
	return strings.ReplaceAll(s, "/", ".")
}

// hostAddress is what a name in the box's hosts file may stand for.
func hostAddress(s string) string {
	if s != "host-gateway" && ipAddress(s) != "" {
		return "an IP address or host-gateway"
	}
	return ""
}

func gpuID(s string) string {
	if s == "" || strings.ContainsAny(s, ", \t") {
		return "one id an entry, as \"0\" or \"GPU-3a23c669\""
	}
	return ""
}
