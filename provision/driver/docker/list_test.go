package docker

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/resource"
)

func TestParseStatus(t *testing.T) {
	for _, c := range []struct {
		status string
		health resource.Health
		code   int
	}{
		{"Up 3 seconds", resource.HealthNone, 0},
		{"Up 3 seconds (healthy)", resource.HealthHealthy, 0},
		{"Up 3 seconds (unhealthy)", resource.HealthUnhealthy, 0},
		{"Up Less than a second (health: starting)", resource.HealthStarting, 0},
		{"Up 2 hours (Paused)", resource.HealthNone, 0},
		{"Exited (0) 2 minutes ago", resource.HealthNone, 0},
		{"Exited (137) About a minute ago", resource.HealthNone, 137},
		{"Restarting (7) 1 second ago", resource.HealthNone, 7},
		{"Created", resource.HealthNone, 0},
		{"Dead", resource.HealthNone, 0},
		{"Removal In Progress", resource.HealthNone, 0},
		{"", resource.HealthNone, 0},
		{"(healthy", resource.HealthNone, 0},
		{"Exited (99999999999999999999) x", resource.HealthNone, 0},
	} {
		health, code := parseStatus(c.status)
		if c.status == "Exited (99999999999999999999) x" {
			continue // only that it does not panic
		}
		if health != c.health || code != c.code {
			t.Errorf("%q: %q, %d; want %q, %d", c.status, health, code, c.health, c.code)
		}
	}
}

var checkout = resource.Identity{Checkout: "c1", HostID: "h", User: "1000", Path: "/p", Project: "shop"}

func containerLabels(id resource.Identity, box string, index int) map[string]string {
	labels := id.Labels(resource.Owner{Box: box, Index: index})
	labels[resource.LabelSpec], labels[resource.LabelSpecHash] = "{}", "h1"
	return labels
}

func TestObservedContainer(t *testing.T) {
	const answer = `{
		"Id": "id1", "Names": ["/other/alias", "/shop-web"], "Image": "img", "ImageID": "sha256:1", "Created": 1700000000,
		"State": "running", "Status": "Up 1 second (unhealthy)", "Health": {"Status": "healthy"}, "SizeRw": 3,
		"Labels": {"io.envy.spec": "{}", "io.envy.spec-hash": "h1"},
		"Ports": [
			{"PrivatePort": 53, "Type": "udp"},
			{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
			{"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 20053, "Type": "udp"}
		],
		"NetworkSettings": {"Networks": {"shop.b": {"NetworkID": "n2", "IPAddress": ""}, "shop": {"NetworkID": "n1", "IPAddress": "172.18.0.2"}}}
	}`
	var c listedContainer
	if err := json.Unmarshal([]byte(answer), &c); err != nil {
		t.Fatal(err)
	}
	owner := resource.Owner{Box: "web"}
	want := resource.BoxObserved{
		ID: "id1", Name: "shop-web", Owner: owner, Labels: c.Labels, Spec: "{}", SpecHash: "h1",
		State: resource.StateRunning, Health: resource.HealthHealthy, Status: "Up 1 second (unhealthy)",
		Image: "img", ImageID: "sha256:1", Created: time.Unix(1700000000, 0),
		Networks: []resource.NetworkAttached{{ID: "n1", Name: "shop", IP: "172.18.0.2"}, {ID: "n2", Name: "shop.b"}},
		Ports: []resource.PortSpec{
			{Guest: 53, Host: 20053, Protocol: "udp"},
			{Guest: 80, Host: 8080, Address: "0.0.0.0"},
		},
	}
	if diff := cmp.Diff(want, c.observed(owner)); diff != "" {
		t.Error(diff)
	}
}

func TestObservedSortsOwnFromForeign(t *testing.T) {
	other := checkout
	other.User = "1001"
	was := checkout
	was.Project = "store"
	container := func(name string, labels map[string]string) listedContainer {
		return listedContainer{ID: name, Names: []string{"/" + name}, Labels: labels}
	}
	network := func(id, name, label string, at int64) listedNetwork {
		return listedNetwork{ID: id, Name: name, Created: time.Unix(at, 0), Labels: checkout.Labels(resource.Owner{Network: label})}
	}
	all := listings{
		containers: []listedContainer{
			container("shop-web.new", containerLabels(checkout, "web", 1)),
			container("shop-web-2", containerLabels(checkout, "web", 2)),
			container("store-db", containerLabels(was, "db", 1)),         // made before the project was renamed
			container("market-api", containerLabels(checkout, "api", 1)), // renamed since, to what a volume claims
			container("bazaar-api", containerLabels(checkout, "api", 1)), // nothing claims that
			container("eager_bell", containerLabels(checkout, "web", 1)),
			container("shop-web-3", containerLabels(other, "web", 3)),
		},
		networks: []listedNetwork{
			network("young", "shop", "default", 2), network("old", "shop", "default", 1), network("x", "elsewhere", "default", 1),
		},
	}
	volume := func(name string, o resource.Owner) {
		all.volumes.Volumes = append(all.volumes.Volumes, listedVolume{Name: name, Labels: checkout.Labels(o)})
	}
	volume("shop.envy", resource.Owner{Volume: resource.ClaimVolume})
	volume("shop.cache", resource.Owner{Volume: "cache"})
	volume("shop-db.data", resource.Owner{Volume: "data", Box: "db", Index: 1})
	volume("shop-db-2.data", resource.Owner{Volume: "data", Box: "db", Index: 2})
	volume("shop-db.other", resource.Owner{Volume: "data", Box: "db", Index: 2})
	volume("anonymous", resource.Owner{})
	market := checkout
	market.Project = "market"
	all.volumes.Volumes = append(all.volumes.Volumes, listedVolume{Name: "market.envy", Labels: market.Labels(resource.Owner{Volume: resource.ClaimVolume})})

	got := observed(resource.Engine{Version: "1"}, all, checkout)
	names := map[string][]string{"strangers": got.Strangers}
	for _, b := range got.Boxes {
		names["boxes"] = append(names["boxes"], b.Name)
	}
	for _, n := range got.Networks {
		names["networks"] = append(names["networks"], n.ID)
	}
	for _, v := range got.Volumes {
		names["volumes"] = append(names["volumes"], v.Name)
	}
	want := map[string][]string{
		"boxes":     {"market-api", "shop-web-2", "shop-web.new", "store-db"},
		"networks":  {"old", "young"},
		"volumes":   {"market.envy", "shop-db-2.data", "shop-db.data", "shop.cache", "shop.envy"},
		"strangers": {"anonymous", "bazaar-api", "eager_bell", "elsewhere", "shop-db.other"},
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// A list leaves out the network ids of boxes that never started.
func TestNetworkIDsOfCreatedBoxes(t *testing.T) {
	boxes := []resource.BoxObserved{{Networks: []resource.NetworkAttached{{Name: "shop"}, {Name: "twice"}, {ID: "kept", Name: "shop.b"}}}}
	nameNetworks(boxes, []listedNetwork{{ID: "n1", Name: "shop"}, {ID: "n2", Name: "twice"}, {ID: "n3", Name: "twice"}})
	want := []resource.NetworkAttached{{ID: "n1", Name: "shop"}, {Name: "twice"}, {ID: "kept", Name: "shop.b"}}
	if diff := cmp.Diff(want, boxes[0].Networks); diff != "" {
		t.Error(diff)
	}
}
