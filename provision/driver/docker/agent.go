package docker

// agentVolume is the volume that holds the agent's binary.
type agentVolume struct {
	name string
}
