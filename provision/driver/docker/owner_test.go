package docker

import (
	"errors"
	"testing"

	"github.com/envyhq/envy/internal/agent/wire"
)

func TestOwnerOf(t *testing.T) {
	files := map[string]string{
		"/etc/passwd": "# comment\nroot:x:0:0::/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\nbroken:x\nodd:x:7:-\n",
		"/etc/group":  "root:x:0:\nstaff:x:50:\n9:x:900:\n",
	}
	dev := []wire.UserBoot{{Name: "dev", UID: 501, GID: 20}, {Name: "node", UID: 501, GID: 20}}
	adopted := []wire.UserBoot{{Name: "node", UID: 501, GID: 20, Adopt: true}}
	for name, tc := range map[string]struct {
		boot  wire.Boot
		want  ids
		reads int
		bad   bool
	}{
		"nobody":                    {wire.Boot{}, ids{}, 0, false},
		"root":                      {wire.Boot{User: "root"}, ids{}, 0, false},
		"root by number":            {wire.Boot{User: "0"}, ids{}, 0, false},
		"root with a group":         {wire.Boot{User: "root:50"}, ids{0, 50}, 0, false},
		"uid and gid":               {wire.Boot{User: "7:8"}, ids{7, 8}, 0, false},
		"uid with a group's name":   {wire.Boot{User: "7:staff"}, ids{7, 50}, 1, false},
		"uid that the image has":    {wire.Boot{User: "1000"}, ids{1000, 1001}, 1, false},
		"uid that it has not":       {wire.Boot{User: "4000"}, ids{4000, 0}, 1, false},
		"name of the image":         {wire.Boot{User: "node"}, ids{1000, 1001}, 1, false},
		"name and group":            {wire.Boot{User: "node:staff"}, ids{1000, 50}, 2, false},
		"name and group's number":   {wire.Boot{User: "node:9"}, ids{1000, 9}, 1, false},
		"unknown name":              {wire.Boot{User: "nobody"}, ids{}, 1, true},
		"unknown group":             {wire.Boot{User: "1:nobody"}, ids{}, 1, true},
		"made":                      {wire.Boot{User: "dev", Users: dev}, ids{501, 20}, 1, false},
		"written, and in the image": {wire.Boot{User: "node", Users: dev}, ids{1000, 1001}, 1, false},
		"adopted":                   {wire.Boot{User: "node", Users: adopted}, ids{501, 20}, 0, false},
		"no group's number":         {wire.Boot{User: "odd"}, ids{7, 0}, 1, false},
	} {
		reads := 0
		got, err := ownerOf(tc.boot, func(file string) (accounts, error) {
			reads++
			return parseAccounts(files[file]), nil
		})
		if (err != nil) != tc.bad || err == nil && got != tc.want || reads != tc.reads {
			t.Errorf("%s: %v, %v after %d reads; want %v after %d", name, got, err, reads, tc.want, tc.reads)
		}
	}
	broken := errors.New("broken")
	if _, err := ownerOf(wire.Boot{User: "node"}, func(string) (accounts, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if who, err := ownerOf(wire.Boot{User: "4000"}, func(string) (accounts, error) { return nil, nil }); err != nil || who != (ids{uid: 4000}) {
		t.Errorf("an image without the files: %v, %v", who, err)
	}
}
