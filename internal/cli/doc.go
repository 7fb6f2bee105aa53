// Package cli is envy's command line: each command turns flags into an options value, makes one call of a use case, hands
// the result to a view and returns an error. It also fills what the use cases need of the host (files, locks, answers)
// and holds the one table that maps errors to exit codes.
//
// It must not know any engine's implementation (main gives one), touch the host's files but through hostfs, or draw
// anything but through a view. It reads no stream, argument or environment variable of the process by itself.
package cli
