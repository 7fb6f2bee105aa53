// Package resource is the vocabulary that planner, drivers and use cases share: addresses, what is desired, what was
// observed, and the labels by which an engine remembers what envy made. It holds values only. It must not know the
// Envfile's syntax, any engine's API, the clock or the file system.
package resource
