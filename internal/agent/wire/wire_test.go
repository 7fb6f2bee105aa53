package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

// The encoding travels to agents of other versions: a change of these bytes is
// a change of the protocol.
func TestEncodeGolden(t *testing.T) {
	boot := wire.Boot{
		ID: "b1", Users: []wire.UserBoot{{Name: "dev", UID: 1000, GID: 1000, Adopt: true}}, User: "dev",
		Argv: []string{"sh", "-c", "a && b"}, Gate: true, Volumes: []string{"/data"},
	}
	want := `{"version":1,"value":{"id":"b1","users":[{"name":"dev","uid":1000,"gid":1000,"adopt":true}],` +
		`"user":"dev","argv":["sh","-c","a && b"],"gate":true,"volumes":["/data"]}}`
	got, err := wire.Encode(boot)
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("boot: %v\n%s", err, diff)
	}
	record := wire.Record{Runs: map[string]wire.Run{"b": {End: 2}, "a": {Hash: "h"}}, Released: 7}
	want = `{"version":1,"value":{"released_ns":7,"runs":{"a":{"hash":"h"},"b":{"end_ns":2}}}}`
	got, err = wire.Encode(record)
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("record: %v\n%s", err, diff)
	}
	empty, err := wire.Encode(wire.Exec{})
	if string(empty) != `{"version":1,"value":{}}` || err != nil {
		t.Errorf("nothing to say is %s, %v", empty, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want error // nil: any
	}{
		"nothing":       {"", nil},
		"no version":    {`{"value":{}}`, nil},
		"no value":      {`{"version":1}`, nil},
		"newer":         {`{"version":2,"value":{"surprise":1}}`, wire.ErrNewer},
		"unknown field": {`{"version":1,"value":{"argv":["x"],"surprise":1}}`, nil},
		"more":          {`{"version":1,"value":{}} {}`, nil},
		"other type":    {`{"version":1,"value":{"argv":"x"}}`, nil},
		"too large":     {`{"version":1,"value":{"dir":"` + strings.Repeat("x", 128<<10) + `"}}`, wire.ErrTooLarge},
		"too deep":      {`{"version":1,"value":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, nil},
	} {
		got, err := wire.Decode[wire.Exec]([]byte(c.data))
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if diff := cmp.Diff(wire.Exec{}, got); diff != "" {
			t.Errorf("%s: a value beside the error:\n%s", name, diff)
		}
	}
}

func TestDecodeAnswerOfAnotherVersion(t *testing.T) {
	got, err := wire.Decode[wire.Record]([]byte(`{"version":1,"value":{"id":"x","since":"later"}}`))
	if err != nil || got.ID != "x" {
		t.Errorf("record with an unknown field: %+v, %v", got, err)
	}
}

func TestLimits(t *testing.T) {
	if _, err := wire.Encode(wire.Boot{Argv: []string{strings.Repeat("x", 128<<10)}}); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a boot larger than an argument can be: %v", err)
	}
	many := wire.StatRequest{Paths: make([]string, wire.MaxPaths+1)}
	data, err := wire.Encode(many)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Decode[wire.StatRequest](data); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too many paths: %v", err)
	}
	endless := strings.NewReader(strings.Repeat(" ", 2*wire.Limit[wire.Health]()))
	if _, err := wire.Read[wire.Health](endless); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("an endless stream: %v", err)
	}
	if read := endless.Size() - int64(endless.Len()); read > int64(wire.Limit[wire.Health]())+1 {
		t.Errorf("%d bytes of it were read", read)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"value":{"argv":["x"],"paths":["/a"],"files":[{"path":"/x","content":"YQ=="}]}}`))
	f.Add([]byte(`{"version":1,"value":{"runs":{"a":{"start_ns":1}},"spans":[{}],"own":["/x"]}}`))
	f.Add([]byte(`{"version":99,"value":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		roundTrip[wire.Boot](t, data)
		roundTrip[wire.Exec](t, data)
		roundTrip[wire.Files](t, data)
		roundTrip[wire.Provision](t, data)
		roundTrip[wire.Release](t, data)
		roundTrip[wire.Health](t, data)
		roundTrip[wire.Record](t, data)
		roundTrip[wire.StatRequest](t, data)
		roundTrip[wire.StatReply](t, data)
		roundTrip[wire.Signal](t, data)
	})
}

// roundTrip: what can be read is written the same way twice.
func roundTrip[M wire.Message](t *testing.T, data []byte) {
	first, err := wire.Decode[M](data)
	if err != nil {
		var zero M
		if !reflect.DeepEqual(first, zero) {
			t.Fatalf("%+v beside the error %v", first, err)
		}
		return
	}
	encoded, err := wire.Encode(first)
	if errors.Is(err, wire.ErrTooLarge) {
		return // escapes made it longer
	}
	if err != nil {
		t.Fatalf("%T was read and cannot be written: %v", first, err)
	}
	second, err := wire.Decode[M](encoded)
	if err != nil {
		t.Fatalf("%T was written and cannot be read: %v", first, err)
	}
	again, err := wire.Encode(second)
	if err != nil || string(again) != string(encoded) {
		t.Fatalf("%T: %s, then %s, %v", first, encoded, again, err)
	}
}
