package config

import (
	"strings"
	"testing"
)

// TestRules lists, for each rule, what it takes and what it refuses.
func TestRules(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, tc := range map[string]struct {
		rule      func(string) string
		good, bad []string
	}{
		"host label":   {hostLabel, []string{"a", "web-1", "0", long}, []string{"", "-a", "a-", "A", "a.b", "a_b", "localhost", long + "a", "ä"}},
		"block label":  {blockLabel, []string{"a", "8080", "a_b.c-d", long}, []string{"", "-a", ".a", "_a", "A", "a b", long + "a"}},
		"variable":     {variableName, []string{"a", "_a", "a_1"}, []string{"", "1a", "A", "a-b"}},
		"dotted name":  {dottedName, []string{"a", "a.b.c", "my_db", "Web"}, []string{"", ".", "a.", "a..b", "-a", "localhost", "LOCALHOST", strings.Repeat("a.", 130) + "a"}},
		"env name":     {envName, []string{"A", "_", "a.b-c", "A1"}, []string{"", "1A", "A B", "A=", "-A", "ä"}},
		"user":         {userName, []string{"dev", "1000", "1000:1000", "0", "a.b"}, []string{"", "Dev", "a:b", "1000:", "2147483648", "99999999999", "-1", "a b"}},
		"group":        {groupName, []string{"docker", "999"}, []string{"", "A", "a:b"}},
		"owner":        {ownerName, []string{"root", "root:root", "0:0", "1000"}, []string{"", ":", "a:", ":a", "a:b:c", "A"}},
		"package":      {packageName, []string{"git", "g++", "libc6:i386", "curl=8.5.0-1~bpo1", "python3.11", "a=1:2.3-4"}, []string{"", "-y", "./x", "/x", "a/b", "http://x", "a b", "a=", "=1", "a=-1", "a;b"}},
		"engine name":  {engineName, []string{"a", "A_b.c-d"}, []string{"", "-a", "a/b", "a b"}},
		"image":        {imageReference, []string{"debian", "debian:12", "registry.example.com/a/b:c", "localhost:5000/x", "a@sha256:" + strings.Repeat("0", 64)}, []string{"", "A", "a b", "a:", "a@sha256:0", "-a"}},
		"absolute":     {absolutePath, []string{"/", "/a/b"}, []string{"", "a", "/a/", "/a/../b", "/a//b", "./a"}},
		"mount target": {mountTarget, []string{"/a", "/sys/fs/cgroup", "/dev/shm", "/a b"}, []string{"", "/", "/proc", "/proc/a", "/sys", "/dev", "/a:b", "/a/", "a", "/.envy", "/.envy/x"}},
		"path entry":   {pathEntry, []string{"/opt/bin"}, []string{"", "bin", "/a:/b", "/a/"}},
		"host path":    {hostPath, []string{".", "a/b", "/a", "~", "~/a", "../a"}, []string{"", "~a", "~root/x"}},
		"inside path":  {insidePath, []string{"a", "./a"}, []string{"", "~/a"}},
		"context path": {contextPath, []string{"Dockerfile", "a/b", "a/../b"}, []string{"", "/a", "..", "../", "./..", "../a", "a/../../b"}},
		"input":        {inputPattern, []string{"a", "src/**", "*.go"}, []string{"", "~/a", "["}},
		"platform":     {platformName, []string{"linux/amd64", "linux/arm/v7", "linux/arm64/v8.1"}, []string{"", "linux", "linux/", "Linux/amd64", "linux/x86_64", "linux/arm/7", "linux/arm/", "windows/amd64", "linux/arm/v7/x"}},
		"signal":       {signalName, []string{"SIGTERM", "TERM", "9", "SIGRTMIN+3", "64", "SIGRTMAX-14"}, []string{"", "term", "100", "0", "SIG TERM", "SIGFOO", "SIGRTMAX-0", "SIGRTMIN+16", "SIGCHLD", "17", "32", "SIGSTOP", "-9"}},
		"capability":   {capability, []string{"NET_ADMIN", "CAP_NET_ADMIN", "cap_net_admin", "Net_Admin", "all", "ALL"}, []string{"", "NET-ADMIN", "1", "NET_ADMN", "CAP_", "CAP_ALL", "CAP_CAP_CHOWN"}},
		"stage":        {stageName, []string{"run", "0", "a-b"}, []string{"", "-a", "a b"}},
		"restart":      {restartPolicy, []string{"no", "always", "unless-stopped", "on-failure", "on-failure:3"}, []string{"", "yes", "on-failure:", "on-failure:0", "on-failure:x", "always:3"}},
		"network mode": {networkMode, []string{"bridge", "host", "none", "box:db"}, []string{"", "box:", "box:A", "container:x"}},
		"address":      {ipAddress, []string{"127.0.0.1", "::1", "0.0.0.0"}, []string{"", "localhost", "1.2.3", "fe80::1%eth0", "01.2.3.4"}},
		"subnet":       {subnet, []string{"10.0.0.0/8", "fd00::/64"}, []string{"", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33"}},
		"device":       {deviceSpec, []string{"/dev/fuse", "/dev/snd", "/dev/a:/dev/b", "/dev/a:/dev/b:rw", "/dev/a:/dev/b:mr"}, []string{"", "fuse", "/dev/a:b", "/dev/a:/dev/b:x", "/dev/a:/dev/b:", "/dev/a:/dev/b:rr", "/dev/a:/dev/b:rxw", "/dev/a:/", "/dev/a:/proc/x", "/a:/b:r:w"}},
		"security":     {securityOption, []string{"no-new-privileges", "no-new-privileges=true", "seccomp=unconfined", "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}", "label=disable", "label=level:s0:c1,c2", "apparmor=mine", "systempaths=unconfined"}, []string{"", "seccomp", "seccomp=", "seccomp=x.json", "seccomp=null", "seccomp=[]", "x=y", "no-new-privileges=maybe", "label=x", "label=type:", "systempaths=x"}},
		"sysctl":       {sysctlName, []string{"net.core.somaxconn", "net/ipv4/conf/eth0.1/rp_filter", "kernel.shmmax", "fs.mqueue.msg_max"}, []string{"", "foo", "net", "net.", "vm.swappiness", "kernel.hostname", "fs.file-max", "netx.y"}},
		"host address": {hostAddress, []string{"10.0.0.1", "::1", "host-gateway"}, []string{"", "gateway", "example.com", "10.0.0.256"}},
		"gpu id":       {gpuID, []string{"0", "GPU-3a23c669", "all"}, []string{"", "0,1", "0 1"}},
		"file mode":    {fileMode, []string{"0644", "755"}, []string{"", "0000", "4755", "0o644", "888", "77777", "rw-", "-1"}},
		"label key":    {labelKey, []string{"team", "a.b/c"}, []string{"", "a b", "a=b", "io.envy.x", "com.docker.compose.project"}},
		"constraint":   {versionConstraint, []string{">= 0.1", "0.1.2", "~> 1.4", ">= 0.1, < 2", "!= 1.0.0-beta.1"}, []string{"", ">=", "latest", ">= 0.1 < 2", "1.2.3.4", ", 1"}},
	} {
		for _, s := range tc.good {
			if what := tc.rule(s); what != "" {
				t.Errorf("%s refuses %q: %s", name, s, what)
			}
		}
		for _, s := range tc.bad {
			if tc.rule(s) == "" {
				t.Errorf("%s takes %q", name, s)
			}
		}
	}
}

// TestRulesQuoteNothing: what was expected never holds what was written, which may be a secret.
func TestRulesQuoteNothing(t *testing.T) {
	walk(languageSchema(), map[*block]bool{}, func(b *block) {
		for _, a := range b.attrs {
			if a.rule != nil && strings.Contains(a.rule("\x01hunter2"), "hunter2") {
				t.Errorf("%s.%s quotes the value", b.name, a.name)
			}
		}
	})
}
