package bootstrap

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
)

// FuzzSources reads apt's sources in both formats: whatever is taken of them is an address with a suite.
func FuzzSources(f *testing.F) {
	f.Add("Types: deb\nURIs: http://a.example\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP\n .\n")
	f.Add("deb [arch=amd64 signed-by=/k] http://a.example s main\n")
	f.Add("Acquire { Check-Date \"false\"; }; // x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"x.sources", "x.list"} {
			list, _ := ParseSources(File{name, []byte(text)})
			for _, m := range mirrors(list, "s", "amd64") {
				if m.base.Host == "" || !strings.HasSuffix(m.base.Path, "/") || strings.ContainsAny(m.shown(), " \n\t'") && !strings.Contains(text, "'") {
					t.Errorf("mirror %q", m.shown())
				}
			}
		}
		conf, _ := parseAptConf([]File{{"x", []byte(text)}})
		for k := range conf {
			if strings.ContainsAny(k, "{};\n") {
				t.Errorf("name %q", k)
			}
		}
	})
}

// FuzzIndex reads release files and package lists: what passes can be put into an address and into a script.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("Package: tar\nVersion: 1-1\nArchitecture: amd64\nDepends: a (>= 1) | b, c:any\nFilename: pool/t.deb\nSize: 5\nSHA256: " + strings.Repeat("a", 64) + "\n"))
	f.Add([]byte("Origin: Debian\nDate: Sun, 01 Mar 2026 08:00:00 UTC\nSHA256:\n " + strings.Repeat("0", 64) + " 5 main/x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := parsePackages(bytes.NewReader(data), func(p pkg) {
			if strings.ContainsAny(p.name+p.version, " '\"$`\\/\n") || path.IsAbs(p.filename) || strings.Contains("/"+p.filename+"/", "/../") {
				t.Errorf("package %+v", p)
			}
			if _, err := parseRelations(p.depends); err == nil {
				_, _ = parseRelations(p.provides)
			}
			if compareVersions(p.version, p.version) != 0 {
				t.Errorf("version %q differs from itself", p.version)
			}
		})
		var format *formatError
		if err != nil && !errors.As(err, &format) {
			t.Errorf("an error of no kind: %v", err)
		}
		if r, err := parseRelease(data); err == nil {
			for name, e := range r.files {
				if e.size < 0 || !validSHA256(e.sha256) || name == "" {
					t.Errorf("%s: %+v", name, e)
				}
			}
		}
	})
}

// FuzzDeb reads packages: no name leaves the tree, nothing is a device, and no more is read than the limit.
func FuzzDeb(f *testing.F) {
	f.Add(mirrortest.Deb(f, mirrortest.Dir("./"), mirrortest.File("./usr/bin/x"), tar.Header{Typeflag: tar.TypeLink, Name: "./y", Linkname: "./usr/bin/x"}))
	f.Add(mirrortest.Deb(f, tar.Header{Typeflag: tar.TypeChar, Name: "./dev/x"}))
	f.Add(mirrortest.AR(member("debian-binary", []byte("2.0\n")), member("control.tar", nil), member("data.tar", mirrortest.Tar(f, mirrortest.File("../x")))))
	f.Fuzz(func(t *testing.T, deb []byte) {
		_ = eachFile(deb, func(h *tar.Header, r io.Reader) error {
			name := "/" + h.Name + "/"
			if path.IsAbs(h.Name) || strings.Contains(name, "/../") || h.Typeflag == tar.TypeLink && path.IsAbs(h.Linkname) {
				t.Errorf("entry %+v", h)
			}
			switch h.Typeflag {
			case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
			default:
				t.Errorf("entry %s is of type %q", h.Name, h.Typeflag)
			}
			_, err := io.Copy(io.Discard, r)
			return err
		})
	})
}

// FuzzRelease takes what is no signed file: nothing of it may pass.
func FuzzRelease(f *testing.F) {
	key := mirrortest.NewKey(f, today)
	keys, err := readKeyring(File{"k", mirrortest.Public(f, key)})
	if err != nil {
		f.Fatal(err)
	}
	good := mirrortest.Signed(f, today, "Origin: Debian\n", key)
	f.Add(good)
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n=AAAA\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := verify(data, keys, nil, today)
		if err == nil && strings.TrimSpace(string(text)) != "Origin: Debian" {
			t.Errorf("%q passes", text)
		}
		_, _ = readKeyring(File{"x", data})
	})
}
