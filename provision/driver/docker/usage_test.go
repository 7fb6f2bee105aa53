package docker

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
)

// What engines answer on control groups of both versions, and what nobody should answer.
func TestUsageOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want driver.Usage
	}{
		"version 1": {
			`{"read":"2026-01-02T03:04:06Z","preread":"2026-01-02T03:04:05Z","pids_stats":{"current":3},
			"blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":10},{"op":"Write","value":5},{"op":"Total","value":15},{"op":"Read","value":1}]},
			"cpu_stats":{"cpu_usage":{"total_usage":1500000000}},"precpu_stats":{"cpu_usage":{"total_usage":1000000000}},
			"memory_stats":{"usage":1000,"limit":5000,"stats":{"total_inactive_file":400,"inactive_file":300}},
			"networks":{"eth0":{"rx_bytes":7,"tx_bytes":8},"eth1":{"rx_bytes":1,"tx_bytes":1}}}`,
			driver.Usage{CPU: 50, Memory: 600, MemoryLimit: 5000, NetIn: 8, NetOut: 9, DiskIn: 11, DiskOut: 5, Processes: 3},
		},
		"version 2": {
			`{"read":"2026-01-02T03:04:07Z","preread":"2026-01-02T03:04:05Z","blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":10}]},
			"cpu_stats":{"cpu_usage":{"total_usage":3000000000}},"precpu_stats":{"cpu_usage":{"total_usage":0}},
			"memory_stats":{"usage":1000,"limit":5000,"stats":{"inactive_file":300}}}`,
			driver.Usage{CPU: 150, Memory: 700, MemoryLimit: 5000, DiskIn: 10},
		},
		"no time before": {`{"read":"2026-01-02T03:04:07Z","cpu_stats":{"cpu_usage":{"total_usage":3}}}`, driver.Usage{}},
		"nonsense": {
			`{"read":"2026-01-02T03:04:05Z","preread":"2026-01-02T03:04:06Z","cpu_stats":{"cpu_usage":{"total_usage":1}},"precpu_stats":{"cpu_usage":{"total_usage":2}},
			"memory_stats":{"usage":1,"stats":{"inactive_file":300}},"pids_stats":{"current":18446744073709551615}}`,
			driver.Usage{Memory: 1, Processes: 1<<43 - 1},
		},
	} {
		var s stats
		if err := json.Unmarshal([]byte(c.text), &s); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, s.usage()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestProcessesOf(t *testing.T) {
	t.Parallel()
	got := processes([][]string{
		{"12", "1000", "0.5", "100", "sh -c true"}, {"3", "0", "1", "2", "sleep", "9"}, {"x", "0", "1", "2", "a"}, {"4"}, {"5", "0", "NaN", "2", "a"},
	})
	want := []driver.Process{{PID: 3, CPU: 1, Memory: 2048, Command: "sleep 9"}, {PID: 12, UID: 1000, CPU: 0.5, Memory: 102400, Command: "sh -c true"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
