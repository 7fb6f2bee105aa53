package config

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzEnvFile: what is read is well, an error quotes nothing, and what is written down again is read the same.
func FuzzEnvFile(f *testing.F) {
	f.Add("export A=\"x\\n\" # c\nB='y'\n")
	f.Add("A=\"open")
	f.Add("\ufeff=\n=\nA")
	f.Fuzz(func(t *testing.T, data string) {
		entries, err := parseDotenv([]byte(data))
		if err != nil {
			if entries != nil || !utf8.ValidString(err.Error()) || len(err.Error()) > 100 {
				t.Errorf("%d entries beside the error %v", len(entries), err)
			}
			return
		}
		var b strings.Builder
		for i, e := range entries {
			if _, bad := badControl(e.value, true); bad || envName(e.name) != "" || e.line < 1 || i > 0 && e.line <= entries[i-1].line {
				t.Errorf("entry %+v", e)
			}
			fmt.Fprintf(&b, "%s=\"%s\"\n", e.name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.value))
		}
		again, err := parseDotenv([]byte(b.String()))
		if err != nil || len(again) != len(entries) {
			t.Fatalf("%q came back as %+v, %v", b.String(), again, err)
		}
		for i := range entries {
			if again[i].name != entries[i].name || again[i].value != entries[i].value {
				t.Errorf("%+v came back as %+v", entries[i], again[i])
			}
		}
	})
}

// FuzzUnits: sizes, durations and words of a command are in range and say the same when they are written plainly.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"512m", "1.5g", "9223372036854775807", "1e9", "0x1p-2", "1m30s", "576h", "-1s", `a 'b c' "d\"e" f\ g`, `"`, "\\\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseSize(s); err == nil {
			if again, err := parseSize(strconv.FormatInt(n, 10)); n < 0 || err != nil || n <= 1<<53 && again != n {
				t.Errorf("size %q is %d, which is %d, %v", s, n, again, err)
			}
		}
		if d, err := parseDuration(s); err == nil {
			if again, err := parseDuration(d.String()); d < 0 || err != nil || again != d {
				t.Errorf("duration %q is %v, which is %v, %v", s, d, again, err)
			}
		}
		words, err := splitWords(s)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if again, err := splitWords(strings.Join(quoted, " ")); err != nil || !cmp.Equal(words, again) {
			t.Errorf("%q splits into %q, which splits into %q, %v", s, words, again, err)
		}
	})
}

// FuzzNames: whatever rule a string passes, it is safe in the places that rule is for.
func FuzzNames(f *testing.F) {
	for _, s := range []string{
		"shop", "localhost", "a..b", "1000:1000", "99999999999", "libc6:i386=1.2~3", "-o", "/a/../b", "/proc", "/a:b", "~x", "registry.example.com/o/i@sha256:00",
		"10.0.0.0/8", "fe80::1%eth0", "/dev/fuse:/dev/x:rwm", "seccomp=unconfined", "0644", "io.envy.box", "RTMAX-3", "on-failure:5", "box:db", "a\x00b", "\u202e",
	} {
		f.Add(s)
	}
	plain := map[string]func(string) string{ // no blank, no quote, nothing that a shell, a URL or an option would be read from
		"host label": hostLabel, "block label": blockLabel, "variable": variableName, "dotted": dottedName, "env": envName, "group": groupName,
		"user": userName, "owner": ownerName, "package": packageName, "engine's name": engineName, "stage": stageName, "capability": capability,
		"signal": signalName, "restart": restartPolicy, "network mode": networkMode, "platform": platformName, "mode": fileMode, "ip": ipAddress, "subnet": subnet,
		"sysctl": sysctlName, "host address": hostAddress,
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, rule := range plain {
			if rule(s) == "" && (s == "" || s[0] == '-' || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`$\\;&|<>(){}*?[]#!", r) })) {
				t.Errorf("%s: %q", name, s)
			}
		}
		if imageReference(s) == "" && strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("image: %q", s)
		}
		for name, rule := range map[string]func(string) string{"path": absolutePath, "target": mountTarget, "path entry": pathEntry} {
			if rule(s) == "" && (s != path.Clean(s) || s[0] != '/' || strings.Contains(s, "/../")) {
				t.Errorf("%s: %q", name, s)
			}
		}
		if contextPath(s) == "" && (path.IsAbs(s) || !strings.HasPrefix(path.Join("/context", s)+"/", "/context/")) {
			t.Errorf("context path: %q", s)
		}
	})
}
