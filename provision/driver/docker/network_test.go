package docker

import (
	"io"
	"net/http"
	"net/netip"
	"slices"
	"testing"
)

func listedWith(subnets ...string) []listedNetwork {
	var out []listedNetwork
	for _, s := range subnets {
		var n listedNetwork
		n.IPAM.Config = append(n.IPAM.Config, struct{ Subnet string }{s})
		out = append(out, n)
	}
	return out
}

func TestFreeSubnets(t *testing.T) {
	first := freeSubnets(nil, "shop", 3)
	if len(first) != 3 || !slices.Equal(first, freeSubnets(nil, "shop", 3)) {
		t.Fatalf("not three, or not the same each time: %v", first)
	}
	taken := netip.MustParsePrefix("10.0.0.0/9")
	free := freeSubnets(listedWith("10.0.0.0/9", "fd00::/64", "172.17.0.0/16", "", first[0]), "shop", 1000)
	if len(free) != 1000 {
		t.Fatalf("%d found", len(free))
	}
	for _, s := range free {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Bits() != 24 || p != p.Masked() || taken.Overlaps(p) || s == first[0] {
			t.Errorf("%s: %v", s, err)
		}
	}
	if all := freeSubnets(listedWith("10.0.0.0/8"), "shop", 5); len(all) != 0 {
		t.Errorf("free in a pool that is used up: %v", all)
	}
}

func TestSaysPools(t *testing.T) {
	for text, want := range map[string]bool{
		"could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network": true,
		"all predefined address pools have been fully subnetted":                                                     true,
		"Pool overlaps with other one on this address space":                                                         true,
		"network with name shop already exists":                                                                      false,
	} {
		if saysPools(text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}

// An engine that was slow to take a removed container off its network is asked again; one whose container is there is not.
func TestRemoveNetworkThatIsBeingLeft(t *testing.T) {
	for _, tc := range []struct {
		name, on string
		refusals int
		fails    bool
	}{
		{"nobody", `{}`, 2, false},
		{"an endpoint that is going", `{"ep-1a2b": {"Name": "shop-web"}}`, 2, false},
		{"a container", `{"1a2b": {"Name": "other"}}`, 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			removals := 0
			e := openPartly(t, "/networks/n", func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = io.WriteString(w, `{"Id": "n", "Name": "shop", "Containers": `+tc.on+`}`)
					return
				}
				removals++
				if removals <= tc.refusals {
					w.WriteHeader(http.StatusForbidden)
					_, _ = io.WriteString(w, `{"message": "error while removing network: network shop id n has active endpoints"}`)
					return
				}
				w.WriteHeader(http.StatusNoContent)
			})
			err := e.RemoveNetwork(t.Context(), "n")
			if (err != nil) != tc.fails || tc.fails && removals != 1 || !tc.fails && removals != tc.refusals+1 {
				t.Errorf("%v after %d calls", err, removals)
			}
		})
	}
}
