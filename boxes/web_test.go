package boxes_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
)

// TestBehindAddress: an archive behind an address needs its sum, and is asked for once somebody allowed it or it is locked.
func TestBehindAddress(t *testing.T) {
	const at = "https://example.com/shop.box?checksum=" + hash
	locked := lock.Lock{}
	locked.SetArchive(lock.Archive{Source: at, Checksum: hash})
	for name, tt := range map[string]struct {
		ref    string
		lock   lock.Lock
		trusts bool
		strict bool
		want   string
	}{
		"no sum":   {ref: "https://example.com/shop.box", trusts: true, want: "has no checksum"},
		"unlocked": {ref: at, want: "is fetched, which is not locked yet"},
		"trusted":  {ref: at, trusts: true, want: "asked for "},
		"locked":   {ref: at, lock: locked, want: "asked for " + hash},
		"--locked": {ref: at, trusts: true, strict: true, want: "has nothing on the archive"},
	} {
		t.Run(name, func(t *testing.T) {
			f := finder()
			f.Archives, f.Lock, f.Locked = &boxes.Archives{}, tt.lock, tt.strict
			f.Trusts = func(config.GateEntry) bool { return tt.trusts }
			f.Web = func(_ context.Context, src source.Archive, locked string) (*archive.Head, error) {
				return nil, errors.New("asked for " + locked + " at " + src.Host)
			}
			_, err := f.Definition(t.Context(), tt.ref, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
