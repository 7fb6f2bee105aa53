package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// part is one member as it lies in a file: nothing in it needs to fit the rest.
type part struct {
	head block
	data []byte
}

func partOf(p string, data []byte) part { return part{header(p, int64(len(data))), data} }

// flagged gives a member another kind, with a sum that fits.
func (p part) flagged(flag byte, link string) part {
	p.head[atType] = flag
	copy(p.head[157:], link)
	return p.summed()
}

func (p part) summed() part {
	copy(p.head[atSum:], fmt.Sprintf("%06o\x00 ", p.head.sum()))
	return p
}

// forged is an archive that lies on purpose: its manifest follows from its members unless a case says otherwise.
type forged struct {
	m        Manifest
	manifest func(text string) string
	parts    []part
	behind   []byte // instead of the end
}

// newForged is the archive of newBox, taken apart.
func newForged(t testing.TB) *forged {
	t.Helper()
	data := written(t, newBox(t))
	head, err := ReadHead(bytes.NewReader(data))
	must(t, err)
	f := &forged{m: head.Manifest, manifest: func(s string) string { return s }, behind: make([]byte, 2*blockSize)}
	at := blockSize + padded(len(head.encode()))
	for _, m := range head.Members {
		f.parts = append(f.parts, part{header(m.Path, m.Size), data[at+blockSize:][:m.Size]})
		at += blockSize + padded(int(m.Size))
	}
	return f
}

func padded(n int) int { return (n + blockSize - 1) / blockSize * blockSize }

// set changes a member, and the manifest with it.
func (f *forged) set(i int, path string, data []byte) {
	f.parts[i] = partOf(path, data)
	f.m.Members[i] = memberOf(path, data)
}

func (f *forged) insert(i int, path string, data []byte) {
	f.parts = slices.Insert(f.parts, i, partOf(path, data))
	f.m.Members = slices.Insert(f.m.Members, i, memberOf(path, data))
}

func (f *forged) bytes() []byte {
	var b bytes.Buffer
	for _, p := range append([]part{partOf(manifestName, []byte(f.manifest(string(f.m.encode()))))}, f.parts...) {
		b.Write(p.head[:])
		b.Write(p.data)
		b.Write(make([]byte, padded(len(p.data))-len(p.data)))
	}
	b.Write(f.behind)
	return b.Bytes()
}

// find is the place of the first member whose path ends so.
func (f *forged) find(end string) int {
	return slices.IndexFunc(f.m.Members, func(m Member) bool { return strings.HasSuffix(m.Path, end) })
}

// replaced changes the text of a member, with sums and names that fit it, and those of what names it left as they are.
func (f *forged) replaced(i int, old, by string) {
	data := bytes.Replace(f.parts[i].data, []byte(old), []byte(by), 1)
	name := f.m.Members[i].Path
	if strings.HasPrefix(name, blobRoot) {
		name = blobRoot + digestOf(data)[len("sha256:"):]
	}
	f.set(i, name, data)
}

const hostileImage = 3 // members before the image: box.hcl, files/motd, files/é

// hostile lists archives that must be refused. What each is called stands in the manual too (docs/boxes.md).
func hostile() map[string]func(*forged) {
	member := func(path string) func(*forged) { return func(f *forged) { f.insert(0, definitionRoot+path, nil) } }
	kind := func(flag byte, link string) func(*forged) {
		return func(f *forged) { f.parts[1] = f.parts[1].flagged(flag, link) }
	}
	manifest := func(old, by string) func(*forged) {
		return func(f *forged) { f.manifest = func(s string) string { return strings.Replace(s, old, by, 1) } }
	}
	return map[string]func(*forged){
		"a name that climbs out":              member("../../etc/cron.d/x"),
		"an absolute name":                    func(f *forged) { f.insert(0, "/etc/passwd", nil) },
		"a name with backslashes":             member(`..\..\x`),
		"a name with an empty part":           member("a//b"),
		"a name with a control character":     member("a\x1b[2J"),
		"a name that turns its direction":     member("a\u202eb"),
		"a name that is not UTF-8":            member("a\xff"),
		"a name that is not in normal form C": member("e\u0301"),
		"a name longer than a header holds":   member(strings.Repeat("n", 101)),
		"two names that differ in case":       func(f *forged) { f.insert(0, definitionRoot+"BOX.hcl", nil) },
		"one name twice":                      func(f *forged) { f.insert(0, definitionRoot+"box.hcl", nil) },
		"a file that is a directory too":      member("box.hcl/x"),
		"a link":                              kind('2', "/etc/passwd"),
		"a hard link":                         kind('1', "definition/box.hcl"),
		"a character device":                  kind('3', ""),
		"a block device":                      kind('4', ""),
		"a directory":                         kind('5', ""),
		"a FIFO":                              kind('6', ""),
		"a sparse file":                       kind('S', ""),
		"an extended header":                  kind('x', ""),
		"a global extended header":            kind('g', ""),
		"a long name of GNU's":                kind('L', ""),
		"a mode":                              func(f *forged) { copy(f.parts[1].head[atMode:], "0004755"); f.parts[1] = f.parts[1].summed() },
		"an owner":                            func(f *forged) { copy(f.parts[1].head[265:], "root"); f.parts[1] = f.parts[1].summed() },
		"a date":                              func(f *forged) { copy(f.parts[1].head[atTime:], "00000000001"); f.parts[1] = f.parts[1].summed() },
		"a wrong sum of a header":             func(f *forged) { f.parts[1].head[atSum]++ },
		"a size in base 256":                  func(f *forged) { f.parts[1].head[atSize] = 0x80; f.parts[1] = f.parts[1].summed() },
		"a size that the header has larger":   func(f *forged) { f.parts[1].head = header(f.m.Members[1].Path, 1<<30) },
		"a size that the manifest has larger": func(f *forged) { f.m.Members[1].Size++ },
		"a definition of eight gibibytes": func(f *forged) {
			f.m.Members[1].Size = maxMember
			f.parts[1].head = header(f.m.Members[1].Path, maxMember)
		},
		"a manifest of eight gibibytes":         func(*forged) {}, // see hostileBytes
		"a negative size":                       manifest(`"size":6`, `"size":-6`),
		"a size beyond all numbers":             manifest(`"size":6`, `"size":99999999999999999999`),
		"more content than the manifest says":   func(f *forged) { f.parts[1].data = append(f.parts[1].data, make([]byte, 600)...) },
		"less content than the manifest says":   func(f *forged) { last := &f.parts[len(f.parts)-1]; last.data = last.data[:600]; f.behind = nil },
		"a wrong checksum in the definition":    func(f *forged) { f.parts[1].data = []byte("HELLO\n") },
		"a wrong checksum in a layer":           func(f *forged) { last := &f.parts[len(f.parts)-1]; last.data = bytes.ToUpper(last.data) },
		"a member that the manifest lacks":      func(f *forged) { f.m.Members = slices.Delete(f.m.Members, 1, 2) },
		"a member that is missing":              func(f *forged) { f.parts = slices.Delete(f.parts, 1, 2) },
		"members out of order":                  func(f *forged) { f.parts[0], f.parts[1] = f.parts[1], f.parts[0] },
		"a definition out of order":             func(f *forged) { slices.Reverse(f.parts[:2]); slices.Reverse(f.m.Members[:2]) },
		"an image before the definition":        func(f *forged) { f.m.Members = append(f.m.Members[hostileImage:], f.m.Members[:hostileImage]...) },
		"a member of no part":                   func(f *forged) { f.insert(hostileImage, "etc/passwd", nil) },
		"a member of the image that is no blob": func(f *forged) { f.insert(len(f.parts), imageRoot+"x", nil) },
		"a layer that the configuration lacks":  func(f *forged) { f.insert(len(f.parts), blobRoot+digestOf(nil)[7:], nil) },
		"a layer that is missing":               func(f *forged) { n := len(f.parts) - 1; f.parts, f.m.Members = f.parts[:n], f.m.Members[:n] },
		"a blob under another's name": func(f *forged) {
			n := len(f.parts) - 1
			f.m.Members[n].Path, f.m.Members[n-1].Path = f.m.Members[n-1].Path, f.m.Members[n].Path
		},
		"layers in another order":      func(f *forged) { n := len(f.parts); slices.Reverse(f.parts[n-2:]); slices.Reverse(f.m.Members[n-2:]) },
		"a definition without box.hcl": func(f *forged) { f.parts, f.m.Members = f.parts[1:], f.m.Members[1:] },
		"no image":                     func(f *forged) { f.parts, f.m.Members = f.parts[:hostileImage], f.m.Members[:hostileImage] },
		"more members than a definition may have": func(f *forged) {
			for n := range maxFiles {
				f.insert(n, fmt.Sprintf("%s00/%06d", definitionRoot, n), nil)
			}
		},
		"a foreign tag in the image's index": func(f *forged) {
			f.replaced(f.find("index.json"), `"platform":`, `"annotations":{"io.containerd.image.name":"docker.io/library/debian:bookworm"},"platform":`)
		},
		"a name in the image's index": func(f *forged) {
			f.replaced(f.find("index.json"), `"platform":`, `"annotations":{"org.opencontainers.image.ref.name":"debian:bookworm"},"platform":`)
		},
		"a second image in the index": func(f *forged) { f.replaced(f.find("index.json"), `"manifests":[`, `"manifests":[{},`) },
		"docker's manifest with a foreign tag": func(f *forged) {
			f.insert(len(f.parts), imageRoot+"manifest.json", []byte(`[{"RepoTags":["debian:bookworm"]}]`))
		},
		"another configuration": func(f *forged) {
			f.replaced(f.find("index.json")+2, `"sh"`, `"su"`)
			f.m.Config = "sha256:" + f.m.Members[f.find("index.json")+2].SHA256
		},
		"a configuration that another digest names": func(f *forged) { f.m.Config = "sha256:" + strings.Repeat("0", 64) },
		"a configuration for another platform":      manifest("linux/amd64", "linux/arm64"),
		"a box's name that is another repository":   manifest(`"name":"web"`, `"name":"../debian"`),
		"a key of the manifest twice":               manifest(`"name":"web"`, `"name":"web","name":"web"`),
		"an unknown key of the manifest":            manifest(`"name":"web"`, `"name":"web","run":"x"`),
		"a key of the manifest in upper case":       manifest(`"name":"web"`, `"NAME":"web"`),
		"blanks in the manifest":                    manifest(`"name":"web"`, `"name": "web"`),
		"something behind the manifest's end":       manifest("}\n", "}\n{}\n"),
		"a manifest that is nested a million times": func(f *forged) { f.manifest = func(string) string { return strings.Repeat("[", MaxManifest) } },
		"a manifest that is nothing":                func(f *forged) { f.manifest = func(string) string { return "" } },
		"a manifest of another format":              manifest("envy.box", "envy.boxes"),
		"a manifest of a later version":             manifest(`"version":1`, `"version":2`),
		"bytes behind the end":                      func(f *forged) { f.behind = append(f.behind, 'x') },
		"blocks behind the end":                     func(f *forged) { f.behind = append(f.behind, make([]byte, 10240)...) },
		"no end":                                    func(f *forged) { f.behind = nil },
		"a second archive behind the end":           func(f *forged) { f.behind = append(f.behind, f.bytes()...) },
		"something where only filling should be": func(f *forged) {
			f.parts[1].data = append(append(f.parts[1].data, 'x'), make([]byte, blockSize-7)...)
			f.parts[1].head = header(f.m.Members[1].Path, 6)
		},
	}
}

// hostileBytes are the archives that have another beginning.
func hostileBytes(t testing.TB, name string, f *forged) []byte {
	t.Helper()
	data := f.bytes()
	if name == "a manifest of eight gibibytes" {
		b := header(manifestName, maxMember)
		copy(data, b[:])
	}
	return data
}

func TestHostile(t *testing.T) {
	for name, change := range hostile() {
		t.Run(name, func(t *testing.T) {
			f := newForged(t)
			change(f)
			data := hostileBytes(t, name, f)
			var out bytes.Buffer
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(t.Context(), bytes.NewReader(data), &out, Expect{})
			runtime.ReadMemStats(&after)
			if _, ours := errors.AsType[*Error](err); !ours {
				t.Errorf("%v", err)
			}
			if strings.Contains(out.String(), "RepoTags") {
				t.Error("an engine could load it all the same")
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%d bytes were allocated for %d", grown, len(data))
			}
			t.Log(err)
		})
	}
}

// The manual names each of them.
func TestHostileIsTold(t *testing.T) {
	page, err := os.ReadFile("../../docs/boxes.md")
	must(t, err)
	for name := range hostile() {
		if !strings.Contains(string(page), "\n- "+name+"\n") {
			t.Errorf("docs/boxes.md does not name %s", name)
		}
	}
}

// What was taken apart and put together again is as before: the cases above are refused for what they change.
func TestForgedIsHonest(t *testing.T) {
	if f := newForged(t); !bytes.Equal(f.bytes(), written(t, newBox(t))) {
		t.Error("taking apart changes something")
	}
}

func TestEveryByteCounts(t *testing.T) {
	data := written(t, newBox(t))
	for i := range data {
		data[i] ^= 0x01
		if _, err := Load(t.Context(), bytes.NewReader(data), io.Discard, Expect{}); err == nil {
			// A manifest may be another one whose members happen to fit: then its digest is another.
			head, err := ReadHead(bytes.NewReader(data))
			if err != nil || head.Name == "web" {
				t.Fatalf("byte %d may be anything", i)
			}
		}
		data[i] ^= 0x01
	}
	for i := len(data) - 1; i >= 0; i -= 13 {
		if _, err := Load(t.Context(), bytes.NewReader(data[:i]), io.Discard, Expect{}); err == nil {
			t.Fatalf("%d bytes of %d are enough", i, len(data))
		}
	}
}

func TestUniqueKeys(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":1,"b":{"a":1},"c":[{"a":"a"},{"a":"b"}]}`: true,
		`{"a":"b","b":"a"}`:                             true,
		`{"config":{"Labels":{"a":"1","A":"2"}}}`:       true,
		`{"a":1,"A":1}`:                                 false,
		`{"rootfs":{"diff_ids":[],"DIFF_IDS":[]}}`:      false,
		`{"config":{"Labels":{"a":"1","a":"2"}}}`:       false,
		`[[{"a":{"b":[]},"a":1}]]`:                      false,
		strings.Repeat(`{"a":`, 5000) + "1":             true,
		strings.Repeat("[", 5000) + `{"a":1,"a":1}`:     false,
	} {
		if got := uniqueKeys([]byte(text)); got != want {
			t.Errorf("%.60s: %v", text, got)
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add(written(f, newBox(f)))
	for name, change := range hostile() {
		x := newForged(f)
		change(x)
		if data := hostileBytes(f, name, x); len(data) < 1<<16 { // with larger ones there is little time for others
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := ReadHead(bytes.NewReader(data))
		if err != nil {
			if _, ours := errors.AsType[*Error](err); !ours {
				t.Fatalf("%#v", err)
			}
			return
		}
		if again, err := decodeManifest(head.encode()); err != nil || digestOf(again.encode()) != head.Digest {
			t.Fatalf("%+v does not come back: %v", head.Manifest, err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`))
	f.Add(newEngineImage(f).config)
	f.Fuzz(func(t *testing.T, data []byte) {
		var any map[string]json.RawMessage
		if c, err := decodeConfig(data); err == nil && uniqueKeys(data) {
			if json.Unmarshal(data, &any) != nil || c.platform.String() == "" {
				t.Fatalf("%q", data)
			}
			documents(data, c, nil)
		}
	})
}

func FuzzSaved(f *testing.F) {
	f.Add(newEngineImage(f).saved(f, false))
	f.Add(newEngineImage(f).saved(f, true))
	f.Fuzz(func(t *testing.T, data []byte) {
		image, err := ReadSaved(t.Context(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for id, l := range image.Layers {
			r, err := l.Open()
			must(t, err)
			content, err := io.ReadAll(r)
			must(t, err)
			if digestOf(content) != id || int64(len(content)) != l.Size {
				t.Fatalf("%s is %s", id, digestOf(content))
			}
		}
	})
}
