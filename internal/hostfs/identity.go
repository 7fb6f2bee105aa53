package hostfs

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
)

// Host is what envy knows of the machine it runs on.
type Host struct {
	ID     string // the same after every boot, different on every machine as far as the machine can tell
	CPUs   int    // that this process may use
	Memory uint64 // bytes of physical memory
}

// ThisHost reads the host's facts.
func ThisHost() (Host, error) {
	id, err := hostID()
	if err != nil {
		return Host{}, err
	}
	memory, err := physicalMemory()
	if err != nil {
		return Host{}, fmt.Errorf("read the host's memory: %w", err)
	}
	return Host{ID: id, CPUs: runtime.NumCPU(), Memory: memory}, nil
}

// hostName stands in where a machine has no id.
func hostName() (string, error) {
	name, err := os.Hostname()
	if err == nil && name == "" {
		err = errors.New("it has none")
	}
	if err != nil {
		return "", fmt.Errorf("read the host's name: %w", err)
	}
	return "name:" + name, nil
}

var machineIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// machineID reads the first of files that holds a machine id, as machine-id(5) defines it: 32 hexadecimal digits.
// "uninitialized" and the empty file of a container image are none.
func machineID(files ...string) (string, bool) {
	for _, file := range files {
		data, err := ReadPath(file, 256)
		if err != nil {
			continue
		}
		id := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(data)), "-", ""))
		if machineIDForm.MatchString(id) && strings.Trim(id, "0") != "" {
			return id, true
		}
	}
	return "", false
}
